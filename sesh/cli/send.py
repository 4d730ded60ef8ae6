"""`--send` and `--message`: text for a session's program, and for the people attached to it."""

from __future__ import annotations

import os

from sesh import wording
from sesh.errors import UsageError
from sesh.ops import find
from sesh.ops.send import type_into
from sesh.protocol import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesh.cli.invocation import Invocation
    from sesh.cli.parser import Line

_STDIN = "-"


def send(cli: Invocation, **_: object) -> int:
    """`--send NAME [TEXT…] [--enter] [--key KEY]…`: types, in the order of the words.

    An `--enter` before the text comes right after it; TEXT `-` is all of stdin.
    """
    name, before, texts, after = words_and_keys(cli.line)
    find.checked(name, "--send")
    if not texts and not before and not after:
        raise UsageError("nothing to send", hint="write: $sesh --send NAME TEXT --enter")
    text = _stdin() if texts == [_STDIN] else os.fsencode(" ".join(texts))
    sent, position = type_into(cli.target, name, text, before=before, after=after)
    return cli.done(name=name, bytes=sent, position=position)


def words_and_keys(line: Line) -> tuple[str, list[str], list[str], list[str]]:
    """NAME, the keys before the text, the text's words, the keys after it. Raises UsageError if there is no NAME."""
    plain: list[str] = []
    before: list[str | None] = []
    after: list[str | None] = []
    rest = list(reversed(line.words))
    while rest:
        word = rest.pop()
        keys = after if len(plain) > 1 else before
        if word == "--enter":
            keys.append(None)
        elif word == "--key" or word.startswith("--key="):
            keys.append(rest.pop() if word == "--key" else word.removeprefix("--key="))
        else:
            plain.append(word)
    plain += line.tail or []
    if not plain:
        raise UsageError("which session? write: $sesh --send NAME TEXT --enter")
    if None in before and len(plain) > 1:
        before = [key for key in before if key is not None]
        after.insert(0, None)
    return plain[0], _named(before), plain[1:], _named(after)


def _named(keys: Sequence[str | None]) -> list[str]:
    """The names of keys; None stands for the Enter of `--enter`, which is another one than that of `--key Enter`."""
    return ["Enter" if key is None else key for key in keys]


def _stdin() -> Iterator[bytes]:
    while data := os.read(0, CHUNK):
        yield data


def message(cli: Invocation, name: str, texts: Sequence[str]) -> int:
    """`--message NAME TEXT`: a line for the attached clients."""
    find.checked(name, "--message")
    text = wording.one_line(" ".join(texts))
    if not text:
        raise UsageError("the message is empty", hint="write: $sesh --message NAME TEXT")
    clients = cli.target.call("sessions.message", name=name, text=text)
    if not clients and not cli.json:
        cli.note(f"nobody is attached to {name}, so nobody saw it")
    return cli.done(name=name, clients=clients)
