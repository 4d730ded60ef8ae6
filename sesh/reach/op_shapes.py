"""The shapes of ops' answers, for the gate: a host's answer is checked against its own before anything uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sesh import bounds, gate, session_shapes
from sesh.shapes import (
    FACTS,
    Check,
    Malformed,
    Shape,
    anything,
    command,
    complete,
    either,
    flag,
    items,
    keys,
    labels,
    line,
    mapping,
    natural,
    number,
    octets,
    optional,
    rows,
    sentence,
    session_name,
    simple,
    styled,
    table,
    text,
    unstyled,
    whole,
    word,
)  # fmt: skip

_HEXADECIMAL = frozenset("0123456789abcdef")
SMALL = 4 << 20
"""Bytes of an answer that holds facts, and no output."""
_LONGEST_LINKS = 4 << 20
"""Characters of all links of a screen: in a picture each takes up to six times its length."""


def _is_rgb(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and _HEXADECIMAL.issuperset(text[1:])


_colour = either(whole(0, 255), simple(str, "is not a colour", _is_rgb))
_side = whole(1, bounds.LARGEST_SIDE)
_coordinate = whole(0, bounds.LARGEST_SIDE)
_run_of_cells = complete(
    {**keys("column width", _coordinate), "text": text},
    **keys("fg bg underline_colour", _colour),
    **keys("bold dim italic strike reverse blink conceal overline", flag),
    underline=word(10),
    link=line,
)
_screen = complete(
    {
        **keys("columns rows", _side),
        "cursor": complete({**keys("row column", _coordinate), "visible": flag, "style": natural}),
        "title": line,
        "alternate": flag,
        "colours": mapping(word(20), word(64)),
        "continued": gate.row_numbers,
        "cells": items(items(_run_of_cells)),
    }
)


def _cells(check: Check, value: object) -> Any:
    """A screen as runs of cells, which lie beside each other and within it, so that what is drawn is no larger."""
    screen = _screen(check, value)
    if len(screen["cells"]) > screen["rows"]:
        raise Malformed(".cells are more than the rows")
    links = 0
    for runs in screen["cells"]:
        end = 0
        for run in runs:
            links += len(run.get("link", ""))
            if run["column"] < end:
                raise Malformed(".cells overlap")
            end = run["column"] + run["width"]
        if end > screen["columns"]:
            raise Malformed(".cells are wider than the screen")
    if links > _LONGEST_LINKS:
        raise Malformed(".cells have links that are too long")
    return screen


_SCREENS: dict[str, Shape] = {
    "text": complete({"text": unstyled, "lines": items(unstyled), "continued": gate.row_numbers}),
    "ansi": complete({"text": styled, "lines": items(styled), "continued": gate.row_numbers}),
    "json": _cells,
}
"""The answers of `views.screen` by their format."""
_met = table({**FACTS, "met": word(20)}, ("met", "match", "exit_code", "position"))
_errors = mapping(session_name, gate.error)
_row_error: dict[str, Shape] = {"error": gate.error}
_RUN = {**session_shapes.RUN, "command": command, "duration": number, "started": FACTS["started"]}
_command = table(_RUN, ("n", "command", "exit_code", "duration"))
_entry = complete(
    {
        "name": session_name,
        "host": optional(line),
        "directory": optional(text),
        "command": optional(command),
        "resume": optional(command),
        "labels": labels,
    }
)
_hit = complete(
    {
        "session": session_name,
        "line": natural,
        "text": text,
        **keys("before after", items(text)),
        "command": optional(command),
        "started": optional(line),
    },
    host=optional(line),
)
_leftover = complete(
    {"kind": word(40), "what": text, "age": either(natural, number), "pid": optional(natural)},
    cleared=flag,
    left=line,
    **_row_error,
)
_finding = complete({"check": word(100), "state": word(20), "message": line, "remedy": optional(sentence)})
_name_and_created: dict[str, Shape] = {"name": session_name, "created": flag}
_made = complete(
    _name_and_created,
    host=optional(line),
    again=flag,
    command=optional(command),
    awaits_enter=flag,
    **_row_error,
)
_killed = complete({"killed": items(session_name), "failed": _errors})

_SHAPES: dict[str, Shape] = {
    "checks.all_": rows(_finding),
    "follow.all_events": session_shapes.event,
    "follow.ended": optional(_met),
    "follow.sessions": rows(session_shapes.session),
    "follow.log": complete({"path": text, "events": rows(table(session_shapes.LOGGED))}),
    "jobs.ended": items(session_name),
    "jobs.result": table({**session_shapes.ENDED, "output": octets}, ("exit_code", "output")),
    **keys("dormant.restore layout.make", rows(_made)),
    "layout.sessions": rows(_entry),
    "leftovers.clear": rows(_leftover),
    "leftovers.find": rows(_leftover),
    "places.here": complete({"name": session_name, "directory": text, "there": flag}),
    "search.grep": complete({"hits": rows(_hit), "failed": _errors}),
    "sessions.detach": complete({"name": session_name, "detached": optional(natural)}),
    "sessions.job": session_name,
    "sessions.kill": _killed,
    "sessions.kill_all": _killed,
    "sessions.label": labels,
    "sessions.new": complete(_name_and_created),
    "sessions.open_": flag,
    "sessions.reload": complete({"reloaded": items(session_name), "failed": _errors}),
    "sessions.rename": complete(keys("name renamed_from", session_name)),
    **keys("sessions.restart sessions.resume_with", complete({"name": session_name})),
    "sessions.summaries": rows(session_shapes.session),
    "sessions.there": flag,
    "shell.history": rows(_command),
    "shell.history_output": table({**_RUN, "output": octets}, ("output",)),
    "undeploy.remove": complete({"removed": items(text), "forgotten": items(session_name)}),
    "views.logs": items(styled),
    "views.overview": complete({"sessions": rows(session_shapes.session), "refusals": items(line), "home": text}),
    "views.screen": _cells,
    "views.status": session_shapes.session,
}
_LARGE = (
    "follow.log", "jobs.result", "search.grep", "shell.history", "shell.history_output", "views.logs", "views.screen",
)  # fmt: skip


def _shape(op: str, arguments: Mapping[str, Any]) -> Shape:
    if op == "views.screen":
        return _SCREENS.get(arguments.get("form", "text"), _cells)
    if op == "views.logs" and not arguments.get("ansi"):
        return items(unstyled)
    return _SHAPES.get(op, anything)


def checked(op: str, arguments: Mapping[str, Any], data: bytes | bytearray, check: Check) -> Any:
    """A host's answer for an op with these arguments. Raises ProtocolError if that is not of its shape."""
    if len(data) > SMALL and op not in _LARGE:
        raise gate.malformed(op, f"is over {SMALL >> 20} MiB")
    return gate.checked(_shape(op, arguments), gate.value(data), op, check)


def left_out(check: Check, host: str) -> str:
    """The line that says how many rows were left out."""
    count = check.left_out
    return f"@{host}: {'one row was' if count == 1 else f'{count} rows were'} left out: malformed, or too many"
