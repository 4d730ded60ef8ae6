"""What each op answers, as shapes for the gate: a host's answer is checked against them before anything uses it."""

from __future__ import annotations

from sesh import gate
from sesh.gate import (
    anything,
    either,
    flag,
    items,
    line,
    mapping,
    natural,
    number,
    octets,
    optional,
    rows,
    session_name,
    styled,
    table,
    text,
    whole,
    word,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.gate import Shape

_HEXADECIMAL = frozenset("0123456789abcdef")
_SMALL = 4 << 20
"""Bytes of an answer that holds facts, and no output."""


def _rgb(_check: gate.Check, value: object) -> str:
    """A colour as `#rrggbb`."""
    if isinstance(value, str) and len(value) == 7 and value[0] == "#" and set(value[1:]) <= _HEXADECIMAL:
        return value
    raise gate.Malformed("is not a colour")


_colour = either(whole(0, 255), _rgb)
_run_of_cells = table(
    {
        "column": whole(0, 0xFFFF),
        "width": whole(0, 0xFFFF),
        "text": text,
        "fg": _colour,
        "bg": _colour,
        "underline_colour": _colour,
        "underline": word(10),
        "link": line,
    },
    ("column", "text"),
)
_cells = table(
    {
        "columns": whole(1, 0xFFFF),
        "rows": whole(1, 0xFFFF),
        "cursor": table({"row": whole(0, 0xFFFF), "column": whole(0, 0xFFFF)}, ("row", "column")),
        "title": line,
        "alternate": flag,
        "cells": items(items(_run_of_cells)),
    },
    ("columns", "rows", "cursor", "cells"),
)
_met = table({**gate.FACTS, "met": word(20)}, ("met", "match", "exit_code", "position"))
_errors = mapping(session_name, gate.error)
_row_error: dict[str, Shape] = {"error": gate.error}
_RUN = {**gate.FACTS, "command": gate.command, "duration": number, "exit_code": optional(gate.marked_code)}
_command = table(_RUN, ("n", "command", "exit_code", "duration"))
_entry = table(
    {
        "name": session_name,
        "host": optional(line),
        "directory": optional(text),
        "command": optional(gate.command),
        "labels": gate.labels,
    },
    ("name", "host", "directory", "command", "labels"),
)
_hit = table(
    {
        "session": session_name,
        "line": natural,
        "text": text,
        "before": items(text),
        "after": items(text),
        "command": optional(gate.command),
        "started": optional(line),
    },
    ("session", "line", "text", "before", "after", "command", "started"),
)
_leftover = table(
    {
        "kind": word(40),
        "what": text,
        "age": either(natural, number),
        "pid": optional(natural),
        "cleared": flag,
        "left": optional(line),
        **_row_error,
    },
    ("kind", "what", "age", "pid"),
)
_finding = table(
    {"check": word(100), "state": word(20), "message": line, "remedy": optional(line)},
    ("check", "state", "message", "remedy"),
)

_SHAPES: dict[str, Shape] = {
    "checks.all_": rows(_finding),
    "follow.all_events": gate.event,
    "follow.ended": optional(_met),
    "follow.log": table({"path": text, "events": rows(gate.event)}, ("path", "events")),
    "jobs.result": table({**gate.FACTS, "output": octets}, ("exit_code", "output")),
    "layout.make": rows(table({"name": session_name, "created": flag, **_row_error}, ("name", "created"))),
    "layout.sessions": rows(_entry),
    "leftovers.clear": rows(_leftover),
    "leftovers.find": rows(_leftover),
    "places.here": table({"name": session_name, "directory": text, "there": flag}, ("name", "directory", "there")),
    "search.grep": table({"hits": rows(_hit), "failed": _errors}, ("hits", "failed")),
    "sessions.detach": table({"name": session_name, "detached": optional(natural)}, ("name", "detached")),
    "sessions.job": session_name,
    "sessions.kill": table({"killed": items(session_name), "failed": _errors}, ("killed", "failed")),
    "sessions.kill_all": table({"killed": items(session_name), "failed": _errors}, ("killed", "failed")),
    "sessions.label": gate.labels,
    "sessions.message": natural,
    "sessions.new": table({"name": session_name, "created": flag}, ("name", "created")),
    "sessions.open_": flag,
    "sessions.reload": table({"reloaded": items(session_name), "failed": _errors}, ("reloaded", "failed")),
    "sessions.rename": table({"name": session_name, "renamed_from": session_name}, ("name", "renamed_from")),
    "sessions.restart": table({"name": session_name}, ("name",)),
    "sessions.summaries": rows(gate.session),
    "sessions.there": flag,
    "shell.history": rows(_command),
    "shell.history_output": table({**_RUN, "output": octets}, ("output",)),
    "views.logs": items(styled),
    "views.overview": table(
        {"sessions": rows(gate.session), "refusals": items(line), "home": text}, ("sessions", "refusals", "home")
    ),
    "views.screen": either(_cells, table({"text": styled, "lines": items(styled)}, ("text",))),
    "views.status": gate.session,
}
_LARGE = (
    "follow.log",
    "jobs.result",
    "search.grep",
    "shell.history",
    "shell.history_output",
    "views.logs",
    "views.screen",
)


def checked(op: str, data: bytes | bytearray, check: gate.Check) -> Any:
    """What a host has answered for an op. Raises ProtocolError where that is not of its shape."""
    if len(data) > _SMALL and op not in _LARGE:
        raise gate.malformed(op, f"is over {_SMALL >> 20} MiB")
    return gate.checked(_SHAPES.get(op, anything), gate.value(data), op, check)


def left_out(check: gate.Check, host: str) -> str:
    """The line that says how many rows did not pass."""
    many = check.left_out
    return f"@{host}: {'one row was' if many == 1 else f'{many} rows were'} left out: malformed, or too many"
