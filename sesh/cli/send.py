"""`--send` and `--state`: text typed into a session, and the state that a program in one reports."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sesh import reading
from sesh.about import CALLED, SESH
from sesh.cli.invocation import Invocation
from sesh.errors import UsageError
from sesh.keynames import Key, bytes_of
from sesh.ops import agents
from sesh.ops.send import type_into
from sesh.protocol import CHUNK
from sesh.reach import find

_STDIN = "-"


def send(
    cli: Invocation,
    name: str,
    text: Sequence[str] = (),
    *,
    enter: bool = False,
    key: Sequence[str] = (),
    question: str | None = None,
    force: bool = False,
) -> int:
    """`--send NAME [TEXT…] [--enter] [--key KEY]… [--question REGEX] [--force]`; TEXT `-` is all of stdin."""
    find.checked(name, "--send")
    words = list(text)
    if not (words or enter or key):
        raise UsageError("nothing to send", hint=f"write: {SESH} --send NAME TEXT --enter")
    for each in key:
        bytes_of(each)  # raises for an unknown key before stdin is read
    typed = reading.stdin(CHUNK) if words == [_STDIN] else os.fsencode(" ".join(words))
    sent = type_into(cli.target, name, typed, keys=key, enter=enter, force=force, question=question)
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


def state(cli: Invocation, state: str, text: Sequence[str] = ()) -> int:
    """`--state STATE [TEXT]`: report the state of the program that types it; 1 outside of any session."""
    if cli.hosts:
        hint = f"attach to it, and type there: {CALLED} --state STATE"
        raise UsageError("--state works only inside a session, also one of a host", hint=hint)
    return cli.done(name=agents.report(state, " ".join(text)), state=state)
