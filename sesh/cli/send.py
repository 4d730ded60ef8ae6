"""`--send` and `--state`: text typed into a session, and the state that a program in one reports."""

from __future__ import annotations

import os
from collections.abc import Sequence

from sesh import reading
from sesh.about import CALLED, SESH
from sesh.cli import parser
from sesh.cli.invocation import Invocation
from sesh.cli.parser import CommandLine
from sesh.errors import UsageError
from sesh.keynames import Key, bytes_of
from sesh.names import printable
from sesh.ops import inside
from sesh.ops.send import type_into
from sesh.protocol import CHUNK
from sesh.reach import find

_STDIN = "-"


def send(cli: Invocation, *, if_waiting: str | None = None, force: bool = False, **_: object) -> int:
    """`--send NAME [TEXT…] [--enter] [--key KEY]… [--if-waiting [REGEX]] [--force]`: type, in the order of the words.

    An `--enter` before the text comes right after it; TEXT `-` is all of stdin.
    """
    name, before, texts, after, enter = words_and_keys(cli.line)
    find.checked(name, "--send")
    if not texts and not before and not after:
        raise UsageError("nothing to send", hint=f"write: {SESH} --send NAME TEXT --enter")
    if before or after:
        for key in (*before, *after):
            bytes_of(key)  # raises for an unknown key before anything is typed
    text = reading.stdin(CHUNK) if texts == [_STDIN] else os.fsencode(" ".join(texts))

    sent = type_into(
        cli.target, name, text, before=before, after=after, enter=enter, force=force, if_waiting=if_waiting
    )
    if texts and not (before or after or enter) and cli.watched and not cli.json:
        _note_key(cli, texts[-1])
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


def words_and_keys(line: CommandLine) -> tuple[str, list[str], list[str], list[str], bool]:
    """Return NAME, the keys before the text, its words, the keys after it, and whether `--enter` comes between these.

    Raises UsageError without a NAME.
    """
    plain: list[str] = []
    before: list[str | None] = []
    after: list[str | None] = []
    pieces = list(parser.pieces(line))
    for number, (option, word, value) in enumerate(pieces, 1):
        if option is None:
            plain.append(word)
        elif option.key in ("enter", "key"):
            (after if len(plain) > 1 else before).append(value)
        elif value is not None and "=" not in word and (number < len(pieces) or line.tail):
            raise UsageError(  # the next word was taken for the value of --if-waiting
                f"{printable(value)} may be TEXT or the REGEX of --if-waiting",
                hint="write REGEX as the last word, or --if-waiting=REGEX",
            )
    plain += line.tail or []
    if not plain:
        raise UsageError(f"no session given; write: {SESH} --send NAME TEXT --enter")
    if None in before and len(plain) > 1:  # --enter moves behind the text, --key Enter stays in its place
        before = [key for key in before if key is not None]
        after.insert(0, None)
    enter = len(plain) > 1 and after[:1] == [None]
    first, last = (["Enter" if key is None else key for key in keys] for keys in (before, after[enter:]))
    return plain[0], first, plain[1:], last, enter


def state(cli: Invocation, state: str, text: Sequence[str] = ()) -> int:
    """`--state STATE [TEXT]`: report the state of the program that types it; 1 outside of any session."""
    if cli.hosts:
        hint = f"attach to it, and type there: {CALLED} --state STATE"
        raise UsageError("--state works only inside a session, also one of a host", hint=hint)
    return cli.done(name=inside.state(state, " ".join(text)), state=state)
