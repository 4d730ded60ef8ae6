"""The gate: what the other side of a connection says, as data of a known shape and within bounds.

All that comes from a host passes here once, before anything is done with it: the frames whose payload is JSON, and
what ops answer (shapes in `sesh.reach.op_shapes`). What does not fit is a ProtocolError; a malformed row of a list
is left out and counted. Text from a host (`far`) is cut to its bound and loses what a terminal could act upon. The
program's own bytes (OUTPUT, SCREEN, the output of a command) are meant for the terminal and pass as they are.

A shape is a function that takes a `Check` and a value, and returns the value or raises `Malformed`.
"""

from __future__ import annotations

from sesh import bounds, lean, protocol
from sesh.errors import ProtocolError
from sesh.names import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Shape = Callable[["Check", object], Any]

LARGEST = 40 << 20
"""Bytes of DATA with one answer: the output of a run (32 MiB) and a whole scrollback as JSON are below it."""
MOST_VALUES = 500_000
"""Values in one answer: each costs some hundred bytes of memory, however short it is."""
MOST_ROWS = 10_000
"""Rows of one list; those beyond it are left out."""
MOST_NOTES, MOST_QUESTIONS = 100, 20
"""Notes with one answer, and questions before it."""
LONGEST_LINE, LONGEST_TEXT = 4096, 1 << 20
"""Characters of a line of the other side's, and of text that may be longer, such as a word of a command."""
DEEPEST = 16
"""Levels of what this sesh has no shape for."""
_KEPT_CONTROLS = "\t\n"
_STYLES = "(\x1b\\[[0-9:;]{0,99}m|\x1b\\]8;[ -~\xa0-\ud7ff]{0,2200}\x1b\\\\)|"
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"


class Malformed(Exception):
    """A value is not of its shape; the text says where and why."""


class Check:
    """One pass through the gate. `far`: what is checked comes from a host. `left_out`: rows that were malformed."""

    __slots__ = ("far", "left_out")

    def __init__(self, *, far: bool) -> None:
        self.far, self.left_out = far, 0


# -- shapes of values


def flag(_check: Check, value: object) -> bool:
    """True or false."""
    if value is True or value is False:
        return value
    raise Malformed("is not true or false")


def whole(least: int, most: int) -> Shape:
    """A whole number within bounds."""

    def shape(_check: Check, value: object) -> int:
        if bounds.is_integer(value, least, most):
            return value
        raise Malformed(f"is not a whole number from {least} to {most}")

    return shape


natural = whole(0, bounds.MOST)
code = whole(0, 255)
marked_code = whole(-(1 << 31), 1 << 31)
"""The code that a shell said with OSC 133: whatever it wrote."""
_integer = whole(-bounds.MOST, bounds.MOST)


def number(_check: Check, value: object) -> float:
    """A number that is finite."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and -1e15 < value < 1e15:  # a NaN is neither
        return value
    raise Malformed("is not a number")


def _plain(text: str) -> str:
    """As `wording.plain`, which is loaded only if there is something to take out."""
    if text.isprintable():
        return text
    from sesh.wording import plain

    return plain(text)


def word(longest: int = LONGEST_LINE) -> Shape:
    """Text on one line."""

    def shape(check: Check, value: object) -> str:
        text = _text(value)
        return _plain(text[:longest]) if check.far else text

    return shape


line = word()


def text(check: Check, value: object) -> str:
    """Text of one line or several, such as a word of a command; file names that are no UTF-8 keep their bytes."""
    found = _text(value)
    if len(found) > LONGEST_TEXT and check.far:
        raise Malformed("is too long")
    return printable(found) if check.far else found


def styled(check: Check, value: object) -> str:
    """Text with SGR and links (OSC 8)."""
    found = _text(value)
    return _styled(found) if check.far else found


def unstyled(check: Check, value: object) -> str:
    """The text of lines of a screen, of any length."""
    found = _text(value)
    return printable(found) if check.far else found


def latin(_check: Check, value: object) -> str:
    """Bytes as latin-1, which are not shown."""
    found = _text(value)
    try:
        found.encode("latin-1")
    except UnicodeEncodeError:
        raise Malformed("is not latin-1") from None
    return found


def session_name(_check: Check, value: object) -> str:
    """The name of a session."""
    if isinstance(value, str) and is_name(value):
        return value
    raise Malformed("is not a session name")


def octets(_check: Check, value: object) -> bytes:
    """Bytes, as `{"$bytes": base64}`."""
    from base64 import b64decode

    if isinstance(value, dict) and value.keys() == {"$bytes"} and isinstance(value["$bytes"], str):
        try:
            return b64decode(value["$bytes"])
        except ValueError:
            pass
    raise Malformed("is not bytes")


def anything(check: Check, value: object) -> Any:
    """What this sesh has no shape for, as from a newer one: plain data, not too deep."""
    return _anything(check, value, DEEPEST)


# -- shapes of shapes


def optional(shape: Shape) -> Shape:
    """A value or null."""
    return lambda check, value: None if value is None else shape(check, value)


def either(*shapes: Shape) -> Shape:
    """The first of these that fits."""

    def shape(check: Check, value: object) -> Any:
        for each in shapes[:-1]:
            try:
                return each(check, value)
            except Malformed:
                continue
        return shapes[-1](check, value)

    return shape


def items(shape: Shape, most: int = MOST_VALUES) -> Shape:
    """A list of values of one shape; a host's is cut to so many."""

    def shapes(check: Check, value: object) -> list[object]:
        found = _list(value)[: most if check.far else None]
        return [_within(f"[{at}]", shape, check, each) for at, each in enumerate(found)]

    return shapes


def several(*shapes: Shape) -> Shape:
    """A list of so many values, each of its own shape."""

    def shape(check: Check, value: object) -> tuple[object, ...]:
        found = _list(value)
        if len(found) != len(shapes):
            raise Malformed(f"is not a list of {len(shapes)}")
        return tuple(_within(f"[{at}]", shapes[at], check, each) for at, each in enumerate(found))

    return shape


def rows(shape: Shape) -> Shape:
    """A list from which malformed rows are left out."""

    def shapes(check: Check, value: object) -> list[object]:
        found = _list(value)
        kept = []
        for each in found[:MOST_ROWS]:
            try:
                kept.append(shape(check, each))
            except Malformed:
                check.left_out += 1
        check.left_out += max(0, len(found) - MOST_ROWS)
        return kept

    return shapes


def table(shapes: Mapping[str, Shape], required: Sequence[str] = ()) -> Shape:
    """An object with these keys, as far as they are there; others, which a newer sesh may add, hold plain data."""

    def shape(check: Check, value: object) -> dict[str, object]:
        found = _dict(value)
        for key in required:
            if key not in found:
                raise Malformed(f".{key} is missing")
        checked = {}
        for key, each in found.items():
            if key in shapes:
                checked[key] = _within(f".{key}", shapes[key], check, each)
            else:
                checked[line(check, key)] = _within("", anything, check, each)
        return checked

    return shape


def mapping(key: Shape, shape: Shape) -> Shape:
    """An object with any keys of one shape."""

    def shapes(check: Check, value: object) -> dict[str, object]:
        found = _dict(value)
        return {_within("", key, check, at): _within(f".{_plain(at[:40])}", shape, check, found[at]) for at in found}

    return shapes


# -- text


def printable(found: str) -> str:
    """Text of several lines without what a terminal could act upon; the bytes of odd file names stay."""
    if found.isprintable():
        return found
    return "".join(each for each in found if each in _KEPT_CONTROLS or not _is_control(each))


def lines(data: bytes, *, far: bool) -> str:
    """The text of some lines that came as DATA; of those from a host nothing but text, SGR and links is left."""
    found = data.decode("utf-8", "replace")
    return _styled(found) if far else found


def _styled(found: str) -> str:
    if found.isprintable():
        return found
    import re

    return re.sub(_STYLES + _CONTROLS, r"\1", found)


def _is_control(character: str) -> bool:
    """A control, or a character that sets the direction of those around it."""
    point = ord(character)
    return point < 0x20 or 0x7F <= point < 0xA0 or 0x2028 <= point <= 0x202E or 0x2066 <= point <= 0x2069


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise Malformed("is not text")


def _list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    raise Malformed("is not a list")


def _dict(value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise Malformed("is not an object")


def _within(place: str, shape: Shape, check: Check, value: object) -> Any:
    """The value, `place` added to what is wrong with it."""
    try:
        return shape(check, value)
    except Malformed as error:
        raise Malformed(f"{place}{'' if str(error)[:1] in '.[' else ' '}{error}") from None


def _anything(check: Check, value: object, deep: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return text(check, value)
    if isinstance(value, (int, float)):
        return number(check, value) if isinstance(value, float) else _integer(check, value)
    if not deep:
        raise Malformed("is nested too deeply")
    if isinstance(value, list):
        return [_anything(check, each, deep - 1) for each in value]
    return {line(check, key): _anything(check, each, deep - 1) for key, each in _dict(value).items()}


# -- what frames and answers hold


labels = mapping(session_name, word(1024))
_date = word(64)
moment = either(_date, number)
command = items(text)
error = table({"code": word(40), "message": line, "what": line, "hint": line, "exit": whole(1, 255)})
_signal = whole(0, 127)
_size = whole(0, 0xFFFF)
activity = table(
    {"state": word(20), "why": optional(word(20)), "since": optional(_date), "question": optional(word(1024))},
    ("state",),
)
"""How a session stands."""
_client = table(
    {
        "id": natural,
        "pid": natural,
        "tty": line,
        "columns": _size,
        "rows": _size,
        "since": _date,
        "read_only": flag,
        "mode": word(20),
    }
)
session = table(
    {
        "name": session_name,
        "host": optional(line),
        "state": word(20),
        "attached": optional(natural),
        "current": flag,
        "pid": optional(natural),
        "created": optional(_date),
        "last_activity": optional(_date),
        "cwd": optional(text),
        "command": optional(command),
        "title": optional(line),
        "exit_code": optional(code),
        "ended": optional(_date),
        "shell": flag,
        "columns": optional(_size),
        "rows": optional(_size),
        "labels": optional(labels),
        "responding": flag,
        "machine": optional(line),
        "lost": table({"reason": word(20), "saved": optional(_date)}, ("reason", "saved")),
        "clients": items(_client),
        "scrollback": optional(table({"lines": natural, "bytes": natural})),
        "foreground": optional(
            table({"pid": natural, "command": optional(either(command, text)), "title": optional(line)})
        ),
        "activity": optional(activity),
        "unseen": optional(table({"bells": natural, "notification": optional(line), "failed": natural})),
        "daemon_pid": optional(natural),
        "version": optional(word(64)),
        "link": optional(word(20)),
        "id": word(64),
        "position": natural,
        "faults": items(line),
    },
    ("name", "state"),
)
"""A session, as lists and `--status` show it."""
FACTS: dict[str, Shape] = {
    "name": optional(session_name),
    "session_id": word(64),
    "daemon_pid": optional(natural),
    "command": optional(either(command, text)),
    "cwd": optional(text),
    "exit_code": optional(code),
    "signal": optional(_signal),
    "reason": optional(word(100)),
    "met": optional(word(20)),
    "match": optional(line),
    "question": optional(line),
    "duration": optional(number),
    "timed_out": optional(flag),
    "truncated": optional(flag),
    "started": optional(moment),
    "ended": optional(moment),
    "output_bytes": optional(natural),
    "n": optional(natural),
    "position": optional(natural),
    "events": optional(natural),
    "key": optional(word(64)),
    "from": optional(natural),
    "output_lost": optional(flag),
}
"""What is said of a command that was run, of a job, and of how a session ended."""
ENDED: dict[str, Shape] = {
    **FACTS,
    "id": word(64),
    "directory": text,
    "cpu": optional(number),
    "memory": optional(natural),
    "job": flag,
    "run": optional(table(FACTS)),
}
ended = table(ENDED, ("exit_code",))
"""How a session ended."""
LOGGED: dict[str, Shape] = {
    "seq": natural,
    "ts": word(64),
    "event": word(100),
    "session": optional(line),
    "id": optional(word(64)),
    "begun": word(64),
    "exit_code": optional(marked_code),
    "signal": optional(_signal),
    "columns": _size,
    "rows": _size,
    "note": line,
    "state": word(20),
    "why": optional(word(20)),
    "question": optional(word(1024)),
}
"""An event, also of the log of remotes, which has keys of its own."""
event = table(
    {
        **LOGGED,
        "session": line,
        "id": word(64),
        "host": optional(line),
        "count": natural,
        "client": natural,
        "tty": line,
        "reason": optional(word(100)),
        "command": optional(either(command, text)),
        "title": line,
        "text": line,
        "n": natural,
        "pid": natural,
        "read_only": flag,
        "directory": text,
        "before": line,
    }
)
_response = table(
    {
        **FACTS,
        "id": optional(natural),
        "error": error,
        "notes": items(several(line, flag), MOST_NOTES),
        "question": line,
        "above": styled,
        "answers": items(several(word(1), word(200)), 36),
        "default": word(1),
        "result": ended,
        "session": either(session_name, session),
        "run": optional(table(FACTS)),
        "lines": natural,
        "columns": whole(1, 0xFFFF),
        "open": flag,
        "blank": _size,
        "column": whole(-1, 1 << 31),
        "alternate": flag,
        "unfinished": latin,
        "cursor": either(flag, table({"row": _size, "column": _size})),
        "labels": labels,
        "clients": natural,
        "detached": natural,
        "received": natural,
        "rows": whole(1, 0xFFFF),
        "title": line,
        "line": flag,
        "waits": flag,
        "hides": flag,
        "since": optional(_date),
        "switched": flag,
        "at": optional(number),
        "told": flag,
        "version": word(64),
        "ok": flag,
        "cpu": optional(number),
        "memory": optional(natural),
    }
)
_rows_below = optional(_integer)
_messages: dict[int, tuple[str, Shape]] = {
    protocol.WELCOME: (
        "WELCOME",
        table(
            {
                "version": word(64),
                "id": word(64),
                "name": session_name,
                "position": natural,
                "last_input": natural,
                "new": flag,
                "events": natural,
                "can": items(word(64), 100),
                "home": text,
                "auth_sock": text,
            }
        ),
    ),
    protocol.RESPONSE: ("RESPONSE", _response),
    protocol.NOTICE: ("NOTICE", table({"text": line, "name": session_name, "hold": flag})),
    protocol.TITLE: ("TITLE", table({"text": line, "name": session_name})),
    protocol.TELL: ("TELL", table({"name": session_name, "state": word(100), "question": line})),
    protocol.EXIT: (
        "EXIT",
        table(
            {
                "code": optional(code),
                "signal": optional(_signal),
                "reason": optional(word(100)),
                "name": session_name,
                "rows_below": _rows_below,
            }
        ),
    ),
    protocol.DETACH: (
        "DETACH",
        table({"reason": optional(word(100)), "name": session_name, "rows_below": _rows_below, "queries": flag}),
    ),
    protocol.SWITCH: ("SWITCH", table({"name": line, "host": optional(line), "rows_below": _rows_below})),
    protocol.DATA: ("event", event),
}


def message(kind: int, payload: bytes, *, far: bool) -> Any:
    """The JSON object of a frame; DATA is an event. Raises ProtocolError where it is not of its shape."""
    name, shape = _messages[kind]
    return checked(shape, protocol.parse(payload), name, Check(far=far))


def carry(held: bytearray, payload: bytes) -> None:
    """Adds DATA to what has come of an answer. Raises ProtocolError beyond the bound."""
    if len(held) + len(payload) > LARGEST:
        raise ProtocolError(f"the other side sent more than {LARGEST >> 20} MiB in one answer")
    held += payload


def value(data: bytes | bytearray) -> Any:
    """The value of some JSON. Raises ProtocolError where it is none, or holds more values than memory is given for."""
    if sum(data.count(each) for each in b",[{") > MOST_VALUES:
        import re

        bare = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', b"", bytes(data), flags=re.DOTALL)
        if sum(bare.count(each) for each in b",[{") > MOST_VALUES:
            raise ProtocolError(f"the other side sent more than {MOST_VALUES} values in one answer")
    try:
        return lean.parse_json(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("the other side sent an answer that is not JSON") from error


def checked(shape: Shape, found: object, what: str, check: Check) -> Any:
    """A value of its shape. Raises ProtocolError that names it as `what`."""
    try:
        return shape(check, found)
    except Malformed as reason:
        raise malformed(what, str(reason)) from None


def malformed(what: str, reason: str) -> ProtocolError:
    """The error for what does not pass."""
    gap = "" if reason[:1] in ".[" else " "
    return ProtocolError(
        f"the other side sent a malformed message: {what}{gap}{reason}", hint="check with: $sesh --doctor"
    )
