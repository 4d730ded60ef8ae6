"""`send`: text and keys typed into a session."""

from __future__ import annotations

import os
from typing import Annotated

from typer import Argument, Option

from sesh import reading
from sesh.about import SESH
from sesh.cli import offers
from sesh.cli.invocation import Invocation
from sesh.cli.words import Context, Name, among
from sesh.errors import UsageError
from sesh.keynames import Key, bytes_of
from sesh.names import check_name
from sesh.ops.send import type_into
from sesh.protocol import CHUNK

_STDIN = "-"


def send(
    ctx: Context,
    name: Name,
    text: Annotated[list[str] | None, Argument(metavar="TEXT…", show_default=False)] = None,
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
            autocompletion=among(*offers.KEYS),
            help="Press KEY: C-c, M-x, Enter, Tab, Up, F5, …",
        ),
    ] = None,
    question: Annotated[
        str | None,
        Option(
            "--question",
            metavar="REGEX",
            help="Only if it waits for a person, and asks what matches REGEX; . matches any question.",
        ),
    ] = None,
    force: Annotated[
        bool,
        Option("--force", help="With --enter: type even behind what a person has typed, or where the program asks."),
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
    key = key or []
    check_name(name)
    words = text or []
    if not (words or enter or key):
        raise UsageError("nothing to send", hint=f"write: {SESH} --send NAME TEXT --enter")
    for each in key:
        bytes_of(each)  # raises for an unknown key before stdin is read
    typed = reading.stdin(CHUNK) if words == [_STDIN] else os.fsencode(" ".join(words))
    sent = type_into(cli.find(name), name, typed, keys=key, enter=enter, force=force, question=question)
    if words and not (key or enter) and cli.watched and not cli.json:
        _note_key(cli, words[-1])
    return cli.done(name=name, **sent)


def _note_key(cli: Invocation, word: str) -> None:
    """Note that the last word was typed as text, if it is the name of a key with a capital, as tmux takes it."""
    if len(word) < 2 or not word[0].isupper():
        return
    try:
        Key.parse(word)
    except UsageError:
        return
    option = "--enter" if word in ("Enter", "C-m") else f"--key {word}"
    cli.note(f"typed the word {word}; for the key: {option}")
