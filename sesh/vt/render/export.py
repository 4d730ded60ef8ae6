"""The screen for those who are no terminal: its rows with their colours, or as runs of cells with their attributes.

How the last line of `--logs` stands: what somebody must know who goes on with it from the bytes that follow.
"""

from __future__ import annotations

from itertools import groupby

from sesh import lean
from sesh.vt.ansi import Painter, pen_of_cell
from sesh.vt.cell import DEFAULT
from sesh.vt.scrollback import trimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.vt.cell import Pen
    from sesh.vt.emulator import Emulator

_UNDERLINES = ("", "single", "double", "curly", "dotted", "dashed")


def export(emulator: Emulator, form: str) -> bytes:
    """The screen in a form that `--screen` asks for: `text`, `ansi`, or `json`."""
    if form == "json":
        return lean.to_json(screen_data(emulator)).encode()
    text = screen_ansi(emulator) if form == "ansi" else "\n".join(emulator.text())
    return text.encode("utf-8", "replace")


def screen_ansi(emulator: Emulator) -> str:
    """The rows as text with SGR; none of them leaves a pen behind."""
    rows = []
    for row in emulator.screen.buffer:
        painter = Painter()
        painter.cells(trimmed(row))
        painter.use(DEFAULT)
        rows.append(str(painter))
    return "\n".join(rows)


def screen_data(emulator: Emulator) -> dict[str, Any]:
    """`columns`, `rows`, `cursor`, `title`, `alternate`, `colours` and `cells`: the runs of each row.

    A run is `{"column", "width", "text"}` and of its attributes those that are set (see `_attributes`). `colours` are
    those that the program changed, as it wrote them: by number, and `foreground` and `background`.
    """
    screen = emulator.screen
    row, column = emulator.cursor
    colours = {str(index): value for index, value in screen.palette.items()}
    for number, name in ((10, "foreground"), (11, "background")):
        if number in screen.dynamic:
            colours[name] = screen.dynamic[number]
    place = {"row": row, "column": column, "visible": emulator.cursor_visible, "style": emulator.cursor_style}
    return {
        "columns": emulator.columns,
        "rows": emulator.rows,
        "cursor": place,
        "title": emulator.title,
        "alternate": emulator.alternate,
        "colours": colours,
        "cells": [_runs(each) for each in screen.buffer],
    }


def _runs(row: Any) -> list[dict[str, Any]]:
    """The cells of a row that look alike, together; blanks at its end are left out."""
    runs = []
    column = 0
    for pen, group in groupby(trimmed(row), pen_of_cell):
        cells = list(group)
        text = "".join(cell.data for cell in cells)
        runs.append({"column": column, "width": len(cells), "text": text, **_attributes(pen)})
        column += len(cells)
    return runs


def _attributes(pen: Pen) -> dict[str, Any]:
    """`fg bg underline_colour`: a number from 0 to 255, or `#rrggbb`. `underline`: its kind. `link`: the address.

    The others are true: `bold dim italic strike reverse blink conceal overline`.
    """
    style = pen.style
    colours = {"fg": style.fg, "bg": style.bg, "underline_colour": style.underline_colour}
    told: dict[str, Any] = {key: _colour(form) for key, form in colours.items() if form != "default"}
    flags = {
        "bold": style.bold, "dim": style.dim, "italic": style.italics, "strike": style.strikethrough,
        "reverse": style.reverse, "blink": style.blink, "conceal": style.conceal, "overline": style.overline,
    }  # fmt: skip
    told |= {key: True for key, on in flags.items() if on}
    if style.underline:
        told["underline"] = _UNDERLINES[style.underline]
    if style.link:
        told["link"] = style.link.partition(";")[2]
    return told


def _colour(form: str) -> int | str:
    """A colour of a pen: one of the 256, or three parts."""
    if form.startswith("2;"):
        return "#" + "".join(f"{int(part) & 255:02x}" for part in form.split(";")[1:4])
    return int(form.removeprefix("5;"))


def follow_state(emulator: Emulator) -> dict[str, Any]:
    """`open`: whether the cursor stands on the last line that holds anything, and then `column`, counted over its rows.

    Otherwise `blank`: how many empty lines lie between the two. `columns`: the width. `alternate`: whether the other
    screen shows. `unfinished`: the start of a sequence or a character whose rest is yet to come, as latin-1.
    """
    screen = emulator.screen
    rows = screen.buffer
    row, column = emulator.cursor
    first = row
    while first > 0 and rows[first].continues:
        first -= 1
    last = max((at for at in range(len(rows)) if trimmed(rows[at])), default=-1)
    following = row
    while following + 1 < len(rows) and rows[following + 1].continues:
        following += 1
    on_it = not emulator.alternate and first <= last <= following
    return {
        "open": on_it,
        "column": (row - first) * emulator.columns + column if not (first == 0 and rows[0].continues) else -1,
        "blank": max(0, first - last - 1) if not emulator.alternate else 0,
        "columns": emulator.columns,
        "alternate": emulator.alternate,
        "unfinished": emulator.tokenizer.unfinished.decode("latin-1"),
    }
