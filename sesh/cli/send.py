"""`send`: type text and keys into a session."""

from __future__ import annotations

import os
from typing import Annotated

from typer import Argument, Option

from sesh.about import SESH
from sesh.cli.parameters import Context, Name, offering, refuse_unused
from sesh.cli.printed import PrintedSent, prints
from sesh.errors import UsageError
from sesh.ops.send import MAX_TEXT, send_input
from sesh.system import descriptors
from sesh.text.keys import CHORDS, Key

_OFFERED_KEYS = ("C-c", "C-d", "C-z", "C-l", "C-\\", *CHORDS)


@prints(PrintedSent)
def send(
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
) -> int:
    """Type TEXT, Enter if wanted, then keys.

    The words of TEXT are joined by spaces; - is stdin.

    Examples:
      sesh send work 'make test' --enter
      sesh send work --key C-c
      sesh send work - < notes.txt
      sesh send agent y --enter --question 'may I run: make'
      sesh send editor :wq --enter
    """
    cli = ctx.obj
    keys = key or []
    words = text or []
    if not (words or enter or keys):
        raise UsageError("nothing to send", hint=f"write: {SESH} send NAME TEXT --enter")
    if question is None and not (enter and any(words)):
        refuse_unused("only TEXT with --enter, and --question, mind what a person has typed", {"--force": force})
    for pressed in keys:
        Key.parse(pressed)  # refuses an unknown key before stdin is read
    typed = os.fsencode(" ".join(words)) if words != ["-"] else descriptors.whole_stdin(MAX_TEXT, cli.stdin)
    sent = send_input(cli.find_target(name), name, typed, keys=keys, enter=enter, force=force, question=question)
    return cli.out.done(name=name, **sent)
