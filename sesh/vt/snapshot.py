"""The state of an emulator as plain data: for a daemon that replaces its own program, and to compare emulators.

Rows and lines are encoded texts (see `ansi`), which are canonical; pens are SGR parameters and a link.
"""

from __future__ import annotations

from typing import Any

from sesh.vt.ansi import decode, encode
from sesh.vt.cell import DEFAULT, Pen, apply_sgr, with_link
from sesh.vt.modes import SavedCursor
from sesh.vt.row import Row
from sesh.vt.screen import Screen
from sesh.vt.tokenizer import Tokenizer

VERSION = 2

#: Attributes of the screen that are plain data already.
_PLAIN = (
    "top", "bottom", "left", "right", "title", "icon_name", "joinable", "origin", "insert", "linefeed_mode", "wrap",
    "gl", "single_shift", "left_right_mode", "keypad", "cursor_style", "cwd",
)  # fmt: skip


def dump(screen: Screen, tokenizer: Tokenizer) -> dict[str, object]:
    """Everything that an emulator holds."""
    screen.settle_scrollback()
    cursor = screen.cursor
    partial, flags = tokenizer.decoder.getstate()
    return {
        "version": VERSION,
        "columns": screen.columns,
        "rows": screen.lines,
        "screen": _dump_rows(screen.buffer),
        "main": None if screen.main is None else _dump_rows(screen.main),
        "scrollback": screen.scrollback.state(),
        "cursor": [cursor.y, cursor.x, cursor.hidden],
        "margin_wrap": None if screen.margin_wrap != (cursor.y, cursor.x) else list(screen.margin_wrap),
        "pen": _dump_pen(screen.pen),
        "charsets": list(screen.charsets),
        "tabs": sorted(screen.tabstops),
        "modes": {str(number): on for number, on in sorted(screen.modes.items())},
        "ever_set_modes": sorted(screen.ever_set_modes),
        "ever_set_resources": sorted(screen.ever_set_resources),
        "ever_changed": sorted(screen.ever_changed),
        "saved": _dump_saved(screen.saved),
        "main_saved": _dump_saved(screen.main_saved),
        "kitty_stack": list(screen.kitty_stack),
        "main_kitty_stack": list(screen.main_kitty_stack),
        "key_resources": {str(key): value for key, value in sorted(screen.key_resources.items())},
        "titles": [[part, icon, title] for part, (icon, title) in screen.titles],
        "palette": {str(key): value for key, value in sorted(screen.palette.items())},
        "dynamic": {str(key): value for key, value in sorted(screen.dynamic.items())},
        "pending": tokenizer.pending,
        "partial": partial.decode("latin-1"),
        "decoder": flags,
        "errors": tokenizer.errors,
        **{name: getattr(screen, name) for name in _PLAIN},
    }


def load(screen: Screen, tokenizer: Tokenizer, state: dict[str, Any]) -> None:
    """Give a new screen and tokenizer this state."""
    screen.scrollback.load(state["scrollback"])
    screen.buffer = _load_rows(state["screen"], screen.columns)
    screen.main = None if state["main"] is None else _load_rows(state["main"], screen.columns)
    screen.cursor.y, screen.cursor.x, screen.cursor.hidden = state["cursor"]
    screen.margin_wrap = None if state["margin_wrap"] is None else (state["margin_wrap"][0], state["margin_wrap"][1])
    for name in _PLAIN:
        setattr(screen, name, state[name])
    screen.set_left_right(screen.left, screen.right)
    screen.pen = _load_pen(state["pen"])
    screen.charsets = tuple(state["charsets"])
    screen.shift(state["gl"])
    screen.tabstops = set(state["tabs"])
    screen.modes = {int(key): on for key, on in state["modes"].items()}
    screen.ever_set_modes = set(state["ever_set_modes"])
    screen.ever_set_resources = set(state["ever_set_resources"])
    screen.ever_changed = set(state["ever_changed"])
    screen.saved, screen.main_saved = _load_saved(state["saved"]), _load_saved(state["main_saved"])
    screen.kitty_stack, screen.main_kitty_stack = list(state["kitty_stack"]), list(state["main_kitty_stack"])
    screen.key_resources = {int(key): value for key, value in state["key_resources"].items()}
    screen.titles = [(part, (icon, title)) for part, icon, title in state["titles"]]
    screen.palette = {int(key): value for key, value in state["palette"].items()}
    screen.dynamic = {int(key): value for key, value in state["dynamic"].items()}
    tokenizer.pending = state["pending"]
    tokenizer.decoder.setstate((state["partial"].encode("latin-1"), state["decoder"]))
    tokenizer.errors = state["errors"]


def _dump_pen(pen: Pen) -> list[str]:
    return [pen.sgr, pen.link]


def _load_pen(pair: list[str]) -> Pen:
    return with_link(apply_sgr(DEFAULT, pair[0]), pair[1])


def _dump_saved(saved: SavedCursor) -> list[object]:
    return [saved.row, saved.column, _dump_pen(saved.pen), list(saved.charsets), saved.gl, saved.origin, saved.wrap]


def _load_saved(data: list[Any]) -> SavedCursor:
    row, column, pen, charsets, gl, origin, wrap = data
    return SavedCursor(row, column, _load_pen(pen), tuple(charsets), gl, origin, wrap)


def _dump_rows(rows: list[Row]) -> list[list[object]]:
    followings = [*rows[1:], None]
    return [
        [encode(row.trimmed()), row.wrapped, row.ends_in_spacer(following)]
        for row, following in zip(rows, followings, strict=True)
    ]


def _load_rows(data: list[list[Any]], columns: int) -> list[Row]:
    rows = []
    for text, wrapped, spacer in data:
        row = Row(columns)
        cells = decode(text)
        row[: len(cells)] = cells
        row.reset_hints()
        row.used = len(cells)
        row.wrapped = wrapped
        row.spacer = spacer
        rows.append(row)
    return rows
