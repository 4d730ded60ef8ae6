"""The gate: checks that data from the other side of a connection is of a known shape and within bounds.

All that comes from a host passes here once, before anything is done with it: the frames whose payload is JSON, and the
answers of ops (shapes in `sesh.reach.op_shapes`). Data of another shape is a ProtocolError; a malformed row of a list
is left out and counted. Text from a host (`far`) is cut to its bound and loses the characters that a terminal could act
upon. The program's own bytes (OUTPUT, SCREEN, the output of a command) are meant for the terminal and pass as they are.

The shapes of sessions, results and events stand in `sesh.session_shapes`: most verbs are answered without any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sesh import errors, protocol, session_shapes, shapes
from sesh.about import SESH
from sesh.shapes import (
    FACTS,
    Check,
    Shape,
    code,
    either,
    flag,
    integer,
    items,
    keys,
    labels,
    line,
    mapping,
    natural,
    number,
    optional,
    reason,
    sentence,
    session_name,
    signal_number,
    table,
    text,
    whole,
    word,
)  # fmt: skip

LARGEST = 40 << 20
"""Bytes of DATA with one answer: the output of a run (32 MiB) and a whole scrollback as JSON are below it."""
error = table({"code": word(40), "exit": whole(1, 255), **keys("what hint", sentence)})

_size = whole(0, 0xFFFF)
row_numbers = items(_size, 1000)
_ANSWER: dict[str, Shape] = {
    **FACTS,
    **keys("lines first clients detached received", natural), **keys("id memory", optional(natural)),
    **keys("columns rows", whole(1, 0xFFFF)), "blank": _size,
    **keys("at cpu", optional(number)), **keys("version record", word(64)), "since": optional(word(64)),
    **keys("open older alternate line waits hides switched watched told ok", flag),
    "question": sentence, "title": line,
    "error": error,
    "cursor": either(flag, table(keys("row column", _size))),
    "continued": row_numbers,
    "session": session_name, "labels": labels,
}  # fmt: skip
"""Keys of a RESPONSE that tells of no session (save its name), result or event: of most."""
_LEAVING: dict[str, Shape] = {"name": session_name, "reason": reason, "rows_below": optional(integer)}
_messages: dict[int, tuple[str, Shape]] = {
    protocol.WELCOME: (
        "WELCOME",
        table(
            {
                **keys("version id account", word(64)), **keys("position last_input events", natural),
                **keys("now uptime", number),
                **keys("home auth_sock", text), "renewed": mapping(word(64), text), "name": session_name, "new": flag,
                "missed": line,
            }
        ),
    ),
    protocol.RESPONSE: ("RESPONSE", table(_ANSWER)),
    protocol.NOTICE: ("NOTICE", table({"text": line, "name": session_name})),
    protocol.TELL: ("TELL", table({"name": session_name, "state": word(100), "question": line})),
    protocol.EXIT: ("EXIT", table({**_LEAVING, "code": optional(code), "signal": signal_number})),
    protocol.DETACH: ("DETACH", table({**_LEAVING, "queries": flag})),
    protocol.SWITCH: (
        "SWITCH", table({"name": line, "host": optional(line), "rows_below": optional(integer)})
    ),
}  # fmt: skip
_of_sessions: dict[int, tuple[str, Shape]] = {}
"""The frames that tell of a session, a result or an event, once there was one."""


def message(kind: int, payload: bytes, *, far: bool) -> Any:
    """The JSON object of a frame; DATA is an event. Raises ProtocolError if it is not of its shape."""
    values = protocol.parse(payload)
    name, shape = (messages_of_sessions() if _tells(kind, values) else _messages)[kind]
    return checked(shape, values, name, shapes.Check(far=far))


def _tells(kind: int, values: Mapping[str, object]) -> bool:
    """Returns whether a frame tells more of a session than its name, or of a result or an event."""
    if kind != protocol.RESPONSE:
        return kind == protocol.DATA
    return not values.keys() <= _ANSWER.keys() or not isinstance(values.get("session", ""), str)


def messages_of_sessions() -> dict[int, tuple[str, Shape]]:
    """The names and shapes of frames that tell of a session, a result or an event."""
    if not _of_sessions:
        answer = table({**_ANSWER, **session_shapes.ANSWER})
        _of_sessions.update({protocol.RESPONSE: ("RESPONSE", answer), protocol.DATA: ("event", session_shapes.event)})
    return _of_sessions


def lines(data: bytes, *, far: bool) -> str:
    """The text of lines that came as DATA; in those from a host only characters, SGR and links are left."""
    text = data.decode("utf-8", "replace")
    return shapes.without_controls(text) if far else text


def carry(held: bytearray, payload: bytes) -> None:
    """Adds DATA to the bytes of an answer that have come. Raises ProtocolError beyond `LARGEST`."""
    if len(held) + len(payload) > LARGEST:
        raise errors.ProtocolError(f"the other side sent more than {LARGEST >> 20} MiB in one answer")
    held += payload


def value(data: bytes | bytearray) -> Any:
    """The value of some JSON. Raises ProtocolError if it is no JSON, or has more than `MOST_VALUES` values."""
    if _marks(data) > shapes.MOST_VALUES:
        without_texts = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', b"", bytes(data), flags=re.DOTALL)
        if _marks(without_texts) > shapes.MOST_VALUES:
            raise errors.ProtocolError(f"the other side sent more than {shapes.MOST_VALUES} values in one answer")
    try:
        return json.loads(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError("the other side sent an answer that is not JSON") from error


def _marks(data: bytes | bytearray) -> int:
    """The marks before the values of some JSON, about as many as these are; those in texts are counted too."""
    return sum(data.count(mark) for mark in b",[{")


def checked(shape: Shape, value: object, name: str, check: Check) -> Any:
    """The value, if it is of its shape. Raises ProtocolError, which calls it `name`."""
    try:
        return shape(check, value)
    except shapes.Malformed as reason:
        raise malformed(name, str(reason)) from None


def malformed(name: str, reason: str) -> errors.ProtocolError:
    """The error for data that is not of its shape."""
    return errors.ProtocolError(
        f"the other side sent a malformed message: {name}{shapes.gap(reason)}{reason}",
        hint=f"check with: {SESH} --doctor",
    )
