"""The keys of `--send --key`, by tmux's names, as the bytes that a terminal sends (XTerm ctlseqs, PC-style keys).

`--send`, `--message` and `--label`: what is told to a session.
"""

from __future__ import annotations

import os

from sesh import wire
from sesh.cli import printing
from sesh.errors import UsageError
from sesh.names import check_label, printable
from sesh.ops import find
from sesh.protocol import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sesh.cli.parser import Line
    from sesh.wire import Connection

_PLAIN = {
    "enter": b"\r",
    "return": b"\r",
    "escape": b"\x1b",
    "esc": b"\x1b",
    "tab": b"\t",
    "btab": b"\x1b[Z",
    "space": b" ",
    "bspace": b"\x7f",
    "backspace": b"\x7f",
}
_LETTERED = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_NUMBERED = {
    "insert": 2,
    "ic": 2,
    "delete": 3,
    "dc": 3,
    "pageup": 5,
    "pgup": 5,
    "ppage": 5,
    "pagedown": 6,
    "pgdn": 6,
    "npage": 6,
    **{f"f{number}": code for number, code in zip(range(5, 13), (15, 17, 18, 19, 20, 21, 23, 24), strict=True)},
}
_FUNCTIONS = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
_WEIGHTS = {"S": 1, "M": 2, "C": 4}


def is_cursor(name: str) -> bool:
    """Whether what a key sends depends on the program: a cursor key without modifiers."""
    return name.lower() in _LETTERED


def bytes_of(name: str, *, application: bool = False) -> bytes:
    """What the key `name` sends: `C-c`, `M-x`, `S-Tab`, `Enter`, `C-Left`, `F5`, `^C` or one character.

    `application`: whether the program has the cursor keys in application mode (DECCKM: SS3 instead of CSI).
    Raises UsageError for a name that is no key.
    """
    modifiers, key = _taken_apart(name)
    lower = key.lower()
    weight = 1 + sum(_WEIGHTS[each] for each in modifiers)
    if lower in _LETTERED:
        return _lettered(_LETTERED[lower], weight, b"\x1bO" if application else b"\x1b[")
    if lower in _FUNCTIONS:
        return _lettered(_FUNCTIONS[lower], weight, b"\x1bO")
    if lower in _NUMBERED:
        return f"\x1b[{_NUMBERED[lower]}{f';{weight}' if weight > 1 else ''}~".encode()
    if lower == "tab" and "S" in modifiers:
        sent = b"\x1b[Z"
    elif lower in _PLAIN and "C" not in modifiers:
        sent = _PLAIN[lower]
    elif "C" in modifiers:
        sent = _control(" " if lower == "space" else key, name)
    elif len(key) == 1:
        sent = (key.upper() if "S" in modifiers else key).encode("utf-8", "surrogateescape")
    else:
        raise _unknown(name)
    return b"\x1b" + sent if "M" in modifiers else sent


def _taken_apart(name: str) -> tuple[set[str], str]:
    """The modifiers before a key, and the key."""
    modifiers: set[str] = set()
    if len(name) == 2 and name[0] == "^":
        return {"C"}, name[1]
    while len(name) > 2 and name[1] == "-" and name[0].upper() in _WEIGHTS:
        modifiers.add(name[0].upper())
        name = name[2:]
    return modifiers, name


def _lettered(final: str, weight: int, introducer: bytes) -> bytes:
    """A cursor or function key: with modifiers always CSI 1 ; weight final."""
    if weight == 1:
        return introducer + final.encode()
    return f"\x1b[1;{weight}{final}".encode()


def _control(key: str, name: str) -> bytes:
    """The control character of a key (ECMA-48's C0: the key's column less four, `?` is DEL)."""
    if key == "?":
        return b"\x7f"
    if key in (" ", "2"):
        return b"\0"
    if len(key) == 1 and "@" <= key.upper() <= "_":
        return bytes((ord(key.upper()) & 0x1F,))
    raise _unknown(name)


def _unknown(name: str) -> UsageError:
    return UsageError(f"{printable(name)} is no key: write C-c, M-x, Enter, Escape, Tab, Up, F5, or one character")


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
        raise UsageError("nothing to send", hint="write: $sesh --send NAME TEXT --enter")
    sent, position = 0, None
    with find.required(name) as connection:
        connection.send(wire.greeting("request"), _soon())
        find.welcomed(connection, name)
        if any(is_cursor(word.removeprefix("--key=")) for word in line.words) and _application(connection):
            _, before, _, after = taken_apart(line, application=True)
        for chunk in _chunks(before, None if stdin else " ".join(texts), after):
            position = _typed(connection, chunk, position)
            sent += len(chunk)
    return printing.done(line, name=name, bytes=sent, position=position)


def typed(name: str, text: bytes, keys: Sequence[str] = ()) -> tuple[int, int | None]:
    """Types a text, then keys by their names: the bytes that were sent, and the `position` that `--wait` goes on from.

    Raises UsageError for a key that is none, NotFound, Refused, Busy.
    """
    position: int | None = None
    for key in keys:
        bytes_of(key)  # a wrong one is told before anything is typed
    with find.required(name) as connection:
        connection.send(wire.greeting("request"), _soon())
        find.welcomed(connection, name)
        application = any(map(is_cursor, keys)) and _application(connection)
        whole = text + b"".join(bytes_of(key, application=application) for key in keys)
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
            keys.append(bytes_of(key, application=application))
        else:
            plain.append(word)
    plain += line.tail or []
    if not plain:
        raise UsageError("which session? write: $sesh --send NAME TEXT --enter")
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
    text = printing.one_line(" ".join(texts))
    if not text:
        raise UsageError("the message is empty", hint="write: $sesh --message NAME TEXT")
    answer, _ = find.ask(name, "message", text=text)
    if not answer.get("clients") and not line.json:
        printing.note(f"nobody is attached to {name}, so nobody saw it")
    return printing.done(line, name=name, clients=answer.get("clients"))


def label(line: Line, name: str, labels: Sequence[str]) -> int:
    """`--label NAME K=V…`: sets labels, `K=` removes one."""
    find.checked(name, "--label")
    if not labels:
        raise UsageError(f"which labels? write: $sesh --label {name} KEY=VALUE")
    answer, _ = find.ask(name, "label", set=dict(check_label(word) for word in labels))
    return printing.done(line, name=name, labels=answer.get("labels"))
