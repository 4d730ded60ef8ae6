"""Typing into a session: text, and keys by tmux's names as the bytes that a terminal sends (XTerm, PC-style keys)."""

from __future__ import annotations

import time

from sesh import wire, wording
from sesh.errors import Refused, UsageError
from sesh.names import printable
from sesh.protocol import CHUNK
from sesh.reach import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sesh.reach.route import Route
    from sesh.reach.target import Target
    from sesh.wire import Connection

_TIMEOUT = 30.0
"""Seconds for a program to take in one chunk."""

_LONGEST_ANSWER = 1 << 20
"""Bytes of an answer, which is typed as one unit."""

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
_MODIFIERS = {"S": 1, "M": 2, "C": 4}


def is_cursor(name: str) -> bool:
    """Whether what a key sends depends on the program: a cursor key without modifiers."""
    return name.lower() in _LETTERED


def bytes_of(name: str, *, application: bool = False) -> bytes:
    """What the key `name` sends: `C-c`, `M-x`, `S-Tab`, `Enter`, `C-Left`, `F5`, `^C` or one character.

    `application`: whether the program has the cursor keys in application mode (DECCKM: SS3 instead of CSI).
    Raises UsageError for a name of no key.
    """
    modifiers, key = _split(name)
    lower = key.lower()
    modifier = 1 + sum(_MODIFIERS[each] for each in modifiers)
    if lower in _LETTERED:
        return _lettered(_LETTERED[lower], modifier, b"\x1bO" if application else b"\x1b[")
    if lower in _FUNCTIONS:
        return _lettered(_FUNCTIONS[lower], modifier, b"\x1bO")
    if lower in _NUMBERED:
        return f"\x1b[{_NUMBERED[lower]}{f';{modifier}' if modifier > 1 else ''}~".encode()
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


def _split(name: str) -> tuple[set[str], str]:
    """The modifiers before a key, and the key."""
    modifiers: set[str] = set()
    if len(name) == 2 and name[0] == "^":
        return {"C"}, name[1]
    while len(name) > 2 and name[1] == "-" and name[0].upper() in _MODIFIERS:
        modifiers.add(name[0].upper())
        name = name[2:]
    return modifiers, name


def _lettered(final: str, modifier: int, introducer: bytes) -> bytes:
    """A cursor or function key: with modifiers always CSI 1 ; modifier final."""
    if modifier == 1:
        return introducer + final.encode()
    return f"\x1b[1;{modifier}{final}".encode()


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
    return UsageError(f"{printable(name)} is not a key: write C-c, M-x, Enter, Escape, Tab, Up, F5, or one character")


def type_into(
    target: Target,
    name: str,
    text: bytes | Iterable[bytes] = b"",
    *,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
) -> tuple[int, int | None]:
    """Types keys, a text, and keys again; how many bytes, and the position in the output for a wait to begin at.

    A text in pieces is typed as they come. Raises UsageError for what is not a key, NotFound, Refused, Busy.
    """
    for key in (*before, *after):
        bytes_of(key)  # a wrong one is reported before anything is typed
    sent, position = 0, None
    with target.route(name) as route, _connected(route, name) as connection:
        first, last = _keys(connection, before, after)
        for chunk in _chunks(first, text, last):
            answer, _ = connection.request("send", chunk, _soon(), more=position is not None)
            position = answer.get("position") if position is None else position
            sent += len(chunk)
    return sent, position


def type_if_waiting(
    target: Target,
    name: str,
    pattern: str,
    text: bytes | Iterable[bytes],
    *,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
) -> tuple[int, int | None]:
    """Types as `type_into` does, if the session waits for a person and what it asks matches; empty matches anything.

    The daemon is asked for the question, the pattern is searched for here, and the daemon types where that very
    question still stands. Raises Refused where it does not, and as `type_into`.
    """
    from sesh.ops import matching

    for key in (*before, *after):
        bytes_of(key)
    whole = bytearray()
    for piece in _chunks(b"", text, b""):
        whole += piece
        if len(whole) > _LONGEST_ANSWER:
            raise UsageError(f"an answer has at most {_LONGEST_ANSWER:,} bytes, as it is typed in one step")
    with (
        matching.Pattern(pattern) as expression,
        target.route(name) as route,
        _connected(route, name) as connection,
    ):
        _check_answers(connection, name)
        first, last = _keys(connection, before, after)
        data, words = first + bytes(whole) + last, {}
        if pattern:
            asked = connection.request("answer", deadline=_soon(), probe=True)[0]
            words = {"since": str(asked.get("since")), "question": str(asked.get("question"))}
            if expression.search([words["question"]], _soon()) is None:
                shown = wording.plain(words["question"])
                raise Refused(f'{name} is waiting, but asks "{shown}", not {printable(pattern)}; nothing was typed')
        position = connection.request("answer", data, _soon(), **words)[0].get("position")
    return len(data), position


def hides(target: Target, name: str, since: str, question: str) -> bool:
    """Whether the terminal shows nothing of what is typed in answer, as of a password. Raises as `answer`."""
    with target.route(name) as route, _connected(route, name) as connection:
        _check_answers(connection, name)
        asked = connection.request("answer", deadline=_soon(), since=since, question=question, probe=True)[0]
        return asked.get("hides") is True


def answer(target: Target, name: str, text: str, since: str, question: str, *, single: bool = False) -> None:
    """Types an answer to what a program asks, with Enter where it reads lines; a menu takes a key alone.

    `since`, `question`: what the answer is meant for, as `activity` says; the daemon refuses where it asks something
    else by now. `single`: it is a key that was pressed alone, and no answer to what hides what is typed.
    Raises NotFound, Refused, Busy.
    """
    with target.route(name) as route, _connected(route, name) as connection:
        _check_answers(connection, name)
        asked = {"since": since, "question": question}
        connection.request("answer", text.encode(), _soon(), **asked, whole=True, single=single)


def _connected(route: Route, name: str) -> Connection:
    """A connection to a session that takes requests."""
    connection = route.connect(name)
    try:
        connection.send(wire.greeting("request"), _soon())
        find.welcomed(connection, name)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_answers(connection: Connection, name: str) -> None:
    """Raises Refused if the daemon cannot compare what its program asks with what an answer is meant for."""
    if "answer" not in (connection.welcome.get("can") or ()):
        raise Refused(
            f"the daemon of {name} is an older sesh, which cannot tell what an answer is meant for; nothing was typed",
            hint=f"reload it: $sesh --reload {name}",
        )


def _keys(connection: Connection, *groups: Sequence[str]) -> list[bytes]:
    """What groups of keys send to the program."""
    application = any(is_cursor(key) for keys in groups for key in keys) and _application_mode(connection)
    return [b"".join(bytes_of(key, application=application) for key in keys) for keys in groups]


def _application_mode(connection: Connection) -> bool:
    """Whether the program has the cursor keys in application mode; a daemon that does not know says no."""
    try:
        return connection.request("modes", deadline=_soon())[0].get("cursor") is True
    except UsageError:
        return False


def _chunks(before: bytes, text: bytes | Iterable[bytes], after: bytes) -> Iterator[bytes]:
    """What is typed, in pieces that one request carries."""
    if isinstance(text, bytes):
        whole = before + text + after
        yield from (whole[at : at + CHUNK] for at in range(0, len(whole) or 1, CHUNK))
        return
    yield from [before] if before else []
    yield from text
    yield from [after] if after else []


def _soon() -> float:
    return time.monotonic() + _TIMEOUT
