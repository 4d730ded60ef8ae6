"""The screen as text, text with SGR, or data; the start of `logs -f`."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Union

from sesh.vt.encoded import PROMPT, encode
from sesh.vt.pen import FLAGS, Style
from sesh.vt.render.screen_data import LineState, Run, ScreenFacts
from sesh.vt.row import Row

if TYPE_CHECKING:
    from sesh.vt.emulator import Emulator  # which loads pyte

Attributes = dict[str, Union[int, str, bool]]

_UNDERLINES = ("", "single", "double", "curly", "dotted", "dashed")


def export(emulator: Emulator, form: str) -> bytes:
    """Return the screen as `text`, `ansi` or `json`."""
    if form == "json":
        return json.dumps(screen_data(emulator), ensure_ascii=False, separators=(",", ":")).encode()
    text = screen_ansi(emulator) if form == "ansi" else "\n".join(emulator.text())
    return text.encode("utf-8", "replace")


def screen_ansi(emulator: Emulator) -> str:
    return "\n".join(encode(row, reset=True).removeprefix(PROMPT) for row in emulator.screen.rows)


def screen_data(emulator: Emulator) -> ScreenFacts:
    screen = emulator.screen
    row, column = emulator.cursor
    names = {"10": "foreground", "11": "background", **{f"4;{index}": str(index) for index in range(256)}}
    colours = {names[name]: value for name, value in screen.osc_values.items() if value and name in names}
    return {
        "columns": emulator.columns,
        "rows": emulator.height,
        "cursor": {"row": row, "column": column, "visible": not screen.cursor.hidden, "style": screen.cursor_style},
        "title": screen.title,
        "alternate": emulator.alternate,
        "colours": colours,
        "continued": continued(emulator),
        "cells": [_runs(row) for row in screen.rows],
    }


def continued(emulator: Emulator) -> list[int]:
    """Return the rows, from 0, that continue the line of the row above."""
    return [number for number, row in enumerate(emulator.screen.rows) if row.continues]


def _runs(row: Row) -> list[Run]:
    runs: list[Run] = []
    column = 0
    trimmed = row.trimmed()
    for pen, group in groupby(trimmed.pens):
        width = len(list(group))
        text = trimmed.cut(column, column + width).full_text()
        runs.append({"column": column, "width": width, "text": text, **_attributes(pen.style)})  # type: ignore[typeddict-item]
        column += width
    return runs


def _attributes(style: Style) -> Attributes:
    colours = {"fg": style.fg, "bg": style.bg, "underline_colour": style.underline_colour}
    attributes: Attributes = {key: _colour(form) for key, form in colours.items() if form != "default"}
    attributes |= {key: True for key in FLAGS if getattr(style, key)}
    if style.underline:
        attributes["underline"] = _UNDERLINES[style.underline]
    if style.link:
        attributes["link"] = style.link.partition(";")[2]
    return attributes


def _colour(form: str) -> int | str:
    if form.startswith("2;"):
        return "#" + "".join(f"{int(part) & 255:02x}" for part in form.split(";")[1:4])
    return int(form.removeprefix("5;"))


def _to_cursor(text: Row, below: int, column: int) -> str:
    """Return what moves from the end of a line's text to the cursor, `below` the last row with text or above it."""
    wraps = " " * (len(text) * below - text.end() + 1) if below > 0 else ""
    up = f"\x1b[{-below}A" if below < 0 else ""
    return f"{wraps}\r{up}\x1b[{column + 1}G"


def follow_state(emulator: Emulator) -> LineState:
    rows = emulator.screen.rows
    row, column = emulator.cursor
    first = emulator.screen.line_start(row)
    end = row
    while end + 1 < len(rows) and rows[end + 1].continues:
        end += 1
    last = max((index for index in range(len(rows)) if rows[index].end()), default=-1)
    is_open = not emulator.alternate and first <= last <= end
    if emulator.alternate:
        start = "\x1b[?1049h"
    else:
        start = _to_cursor(rows[last], row - last, column) if is_open else ""
    return {
        "open": is_open,
        "blank": 0 if emulator.alternate else max(0, first - last - 1),
        "columns": emulator.columns,
        "start": start + emulator.unfinished.decode("latin-1"),
    }
