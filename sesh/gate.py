"""The gate: checks that data from a host is of a known type and within bounds.

All that comes from a host passes here once, before anything is done with it: the frames whose payload is JSON, and the
answers of ops. Data of another type is a ProtocolError; a malformed row of a list is left out and counted. Text is cut
to its bound and loses the characters that a terminal could act upon. The program's own bytes (OUTPUT, SCREEN, the
output of a command) are meant for the terminal and pass as they are. A daemon of this machine is the user's own, behind
a socket that nobody else may open: what it says is only parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sesh import bounds, check, errors, protocol, shapes
from sesh.about import SESH
from sesh.messages import Answer, Message, Switch, Welcome
from sesh.schema import Event
from sesh.shapes import Check, Shape

LARGEST = 40 << 20
"""Bytes of DATA with one answer: the output of a run (32 MiB) and a whole scrollback as JSON are below it."""
_MESSAGES: dict[int, tuple[str, Any]] = {
    protocol.WELCOME: ("WELCOME", Welcome),
    protocol.RESPONSE: ("RESPONSE", Answer),
    protocol.NOTICE: ("NOTICE", Message),
    protocol.TELL: ("TELL", Message),
    protocol.EXIT: ("EXIT", Message),
    protocol.DETACH: ("DETACH", Message),
    protocol.SWITCH: ("SWITCH", Switch),
    protocol.DATA: ("event", Event),
}
"""The name and the type of each frame that holds JSON."""


def message(kind: int, payload: bytes, *, far: bool) -> Any:
    """The JSON object of a frame; DATA is an event. Raises ProtocolError if it is not of its type."""
    values = protocol.parse(payload)
    if not far:
        return values
    name, hint = _MESSAGES[kind]
    return checked(check.of(hint), values, name, Check(far=True))


def screen(answer: Any, form: str) -> Any:
    """A screen itself, if it is of the form that was asked for and can be drawn. Raises ProtocolError."""
    part = "cells" if form == "json" else "text"
    reason = f".{part} is missing" if part not in answer else _undrawable(answer) if form == "json" else ""
    if reason:
        raise malformed("screen", reason)
    return answer


def _undrawable(screen: Mapping[str, Any]) -> str:
    """Why a screen cannot be drawn in its columns and rows; empty if it can."""
    if not (0 < screen["columns"] <= bounds.LARGEST_SIDE and 0 < screen["rows"] <= bounds.LARGEST_SIDE):
        return f".columns and .rows are not from 1 to {bounds.LARGEST_SIDE}"
    if len(screen["cells"]) > screen["rows"]:
        return ".cells are more than the rows"
    for runs in screen["cells"]:
        end = 0
        for run in runs:
            if run["column"] < end:
                return ".cells overlap"
            end = run["column"] + run["width"]
        if end > screen["columns"]:
            return ".cells are wider than the screen"
    return ""


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
