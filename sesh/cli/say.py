"""`--send`, `--message` and `--label`: what is told to a session."""

from __future__ import annotations

import os

from sesh import wire
from sesh.cli import find, keynames, show
from sesh.errors import UsageError
from sesh.names import check_label
from sesh.protocol import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesh.cli.words import Line
    from sesh.wire import Connection

_PATIENCE = 30.0
"""Seconds for a program to take in one chunk."""

_STDIN = "-"
_ENTER = bytes((0x0D,))
"""Compared by identity: the Enter of `--enter`, not that of `--key Enter`."""


def send(line: Line) -> int:
    """`--send NAME [TEXT…] [--enter] [--key KEY]…`: types, in the order of the words.

    An `--enter` before the text comes right after it; TEXT `-` is all of stdin.
    """
    name, before, texts, after = taken_apart(line)
    find.checked(name, "--send")
    stdin = texts == [_STDIN]
    if not texts and not before and not after:
        raise UsageError("nothing to send; write: sesh --send NAME TEXT --enter")
    sent, position = 0, None
    with find.required(name) as connection:
        connection.send(wire.greeting("request"), _soon())
        find.welcomed(connection, name)
        if any(keynames.is_cursor(word.removeprefix("--key=")) for word in line.words) and _application(connection):
            _, before, _, after = taken_apart(line, application=True)
        for chunk in _chunks(before, None if stdin else " ".join(texts), after):
            position = _typed(connection, chunk, position)
            sent += len(chunk)
    return show.done(line, name=name, bytes=sent, position=position)


def typed(name: str, text: bytes, keys: Sequence[str] = ()) -> tuple[int, int | None]:
    """Types a text, then keys by their names: the bytes that were sent, and the `position` that `--wait` goes on from.

    Raises UsageError for a key that is none, NotFound, Refused, Busy.
    """
    position: int | None = None
    for key in keys:
        keynames.bytes_of(key)  # a wrong one is told before anything is typed
    with find.required(name) as connection:
        connection.send(wire.greeting("request"), _soon())
        find.welcomed(connection, name)
        application = any(map(keynames.is_cursor, keys)) and _application(connection)
        whole = text + b"".join(keynames.bytes_of(key, application=application) for key in keys)
        for at in range(0, len(whole) or 1, CHUNK):
            position = _typed(connection, whole[at : at + CHUNK], position)
    return len(whole), position


def _typed(connection: Connection, chunk: bytes, position: int | None) -> int | None:
    """Types one chunk; the position of the first one."""
    answer, _ = connection.request("send", chunk, _soon(), more=position is not None)
    return answer.get("position") if position is None else position


def _application(connection: Connection) -> bool:
    """Whether the program has the cursor keys in application mode; a daemon that does not know says no."""
    try:
        return connection.request("modes", deadline=_soon())[0].get("cursor") is True
    except UsageError:
        return False


def taken_apart(line: Line, *, application: bool = False) -> tuple[str, bytes, list[str], bytes]:
    """NAME, the keys before the text, the text's words, and the keys after it. Raises UsageError for a missing NAME."""
    plain: list[str] = []
    before: list[bytes] = []
    after: list[bytes] = []
    entered = False
    rest = list(reversed(line.words))
    while rest:
        word = rest.pop()
        keys = after if len(plain) > 1 else before
        if word == "--enter":
            entered = entered or keys is before
            keys.append(_ENTER)
        elif word == "--key" or word.startswith("--key="):
            key = rest.pop() if word == "--key" else word.removeprefix("--key=")
            keys.append(keynames.bytes_of(key, application=application))
        else:
            plain.append(word)
    plain += line.tail or []
    if not plain:
        raise UsageError("which session? write: sesh --send NAME TEXT --enter")
    if entered and len(plain) > 1:
        before = [key for key in before if key is not _ENTER]
        after.insert(0, _ENTER)
    return plain[0], b"".join(before), plain[1:], b"".join(after)


def _chunks(before: bytes, text: str | None, after: bytes) -> Iterator[bytes]:
    """What to type, in pieces that one request carries; without a text that is stdin."""
    if text is not None:
        whole = before + os.fsencode(text) + after
        yield from (whole[at : at + CHUNK] for at in range(0, len(whole) or 1, CHUNK))
        return
    if before:
        yield before
    while data := os.read(0, CHUNK):
        yield data
    if after:
        yield after


def _soon() -> float:
    import time

    return time.monotonic() + _PATIENCE


def message(line: Line, name: str, texts: Sequence[str]) -> int:
    """`--message NAME TEXT`: a line for the attached clients."""
    find.checked(name, "--message")
    text = show.one_line(" ".join(texts))
    if not text:
        raise UsageError("the message is empty; write: sesh --message NAME TEXT")
    answer, _ = find.ask(name, "message", text=text)
    if not answer.get("clients") and not line.json:
        show.note(f"nobody is attached to {name}, so nobody saw it")
    return show.done(line, name=name, clients=answer.get("clients"))


def label(line: Line, name: str, labels: Sequence[str]) -> int:
    """`--label NAME K=V…`: sets labels, `K=` removes one."""
    find.checked(name, "--label")
    if not labels:
        raise UsageError(f"which labels? write: sesh --label {name} KEY=VALUE")
    answer, _ = find.ask(name, "label", set=dict(check_label(word) for word in labels))
    return show.done(line, name=name, labels=answer.get("labels"))
