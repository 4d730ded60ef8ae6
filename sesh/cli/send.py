"""`send`: type text and keys into a session, or send it a file."""

from __future__ import annotations

import os
from typing import Annotated

from typer import Argument, Option

from sesh.about import SESH
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Context, Name, offering, refuse_unused
from sesh.cli.printed import PrintedSent, PrintedSentFile, prints
from sesh.errors import UsageError
from sesh.ops import send_file
from sesh.ops.send import MAX_TEXT, send_input
from sesh.system import descriptors
from sesh.text.keys import CHORDS, Key
from sesh.wire.pieces import MAX_FILE

_OFFERED_KEYS = ("C-c", "C-d", "C-z", "C-l", "C-\\", *CHORDS)


@prints(PrintedSent | PrintedSentFile)
def send(  # noqa: PLR0913 (so many things can be sent)
    ctx: Context,
    name: Name,
    text: Annotated[
        list[str] | None, Argument(metavar="TEXT…", help="What to type; - reads it from stdin.", show_default=False)
    ] = None,
    *,
    enter: Annotated[
        bool,
        Option("--enter", help="Press Enter once the program has read and shown TEXT; exit 1 if there was no Enter."),
    ] = False,
    key: Annotated[
        list[str] | None,
        Option(
            "--key",
            metavar="KEY",
            autocompletion=offering(lambda: _OFFERED_KEYS),
            help="Press KEY: C-c, M-x, Enter, Tab, Up, F5, …",
        ),
    ] = None,
    question: Annotated[
        str | None,
        Option(
            "--question",
            metavar="REGEX",
            help="Type only if it waits with a question that matches REGEX, or contains it as text; . is any.",
        ),
    ] = None,
    force: Annotated[
        bool,
        Option(
            "--force",
            help="Type TEXT and Enter even after a person's unfinished input, or while an agent asks. "
            "(deploy replaces another program.)",
        ),
    ] = False,
    file: Annotated[
        str | None,
        Option("--file", metavar="FILE", help="Put FILE on the session's machine, and paste its path; - is stdin."),
    ] = None,
    file_name: Annotated[str | None, Option("--name", metavar="NAME", help="The name of the file there.")] = None,
    clipboard: Annotated[
        bool, Option("--clipboard", help="As --file, with the picture or text of this machine's clipboard.")
    ] = False,
) -> int:
    """Type TEXT, Enter if wanted, then keys; or send a file, and paste its path.

    The words of TEXT are joined by spaces; - is stdin. A file stays on the session's machine as long as the session.

    Examples:
      sesh send work 'make test' --enter
      sesh send work --key C-c
      sesh send work - < notes.txt
      sesh send agent y --enter --question 'may I run: make'
      sesh send editor :wq --enter
      sesh @gpu send agent --file shot.png
      import png:- | sesh @gpu send agent --file - --name shot.png
    """
    cli = ctx.obj
    keys = key or []
    words = text or []
    if file is not None or clipboard:
        others = {"TEXT": text, "--enter": enter, "--key": key, "--question": question, "--force": force}
        refuse_unused("a file's path is pasted, and nothing else; type the rest by another send", others)
        if clipboard:
            refuse_unused("--clipboard is the file", {"--file": file})
        source = _source(cli, file, file_name or "")
        return cli.out.done(name=name, **send_file.send_file(cli.find_target(name), name, source))
    refuse_unused("it is the name of a file; write --file FILE or --clipboard, too", {"--name": file_name})
    if not (words or enter or keys):
        raise UsageError("nothing to send", hint=f"write: {SESH} send NAME TEXT --enter")
    if question is None and not (enter and any(words)):
        refuse_unused("only TEXT with --enter, and --question, mind what a person has typed", {"--force": force})
    for pressed in keys:
        Key.parse(pressed)  # refuses an unknown key before stdin is read
    typed = os.fsencode(" ".join(words)) if words != ["-"] else descriptors.whole_stdin(MAX_TEXT, cli.stdin)
    sent = send_input(cli.find_target(name), name, typed, keys=keys, enter=enter, force=force, question=question)
    return cli.out.done(name=name, **sent)


def _source(cli: Invocation, file: str | None, name: str) -> send_file.Source:
    """Return what is to be sent: a file, stdin, or without a file the clipboard."""
    if file is None:
        from sesh.ops.clipboard_file import of_clipboard  # noqa: PLC0415 - loads what runs the desktop's tools

        return of_clipboard(os.environ, name)
    if file == "-":
        return send_file.of_bytes(descriptors.whole_stdin(MAX_FILE, cli.stdin), name)
    return send_file.of_path(file, name)
