"""The emulator's state as plain data, for a daemon that executes itself anew, and for comparing emulators.

Rows and lines are painted texts (see `paint`), which are canonical; pens are SGR parameters and a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sesh.vt.ansi import Painter, cells_of
from sesh.vt.cell import DEFAULT, Pen, linked, step
from sesh.vt.grid import Row
from sesh.vt.modes import Saved
from sesh.vt.scrollback import leftover, trimmed

if TYPE_CHECKING:
    from sesh.vt.emulator import Emulator

VERSION = 2

#: Plain attributes of the screen, carried as they are.
_PLAIN = (
    "top", "bottom", "left", "right", "title", "icon_name", "open", "origin", "insert", "linefeed_mode", "wrap",
    "charset", "single", "side_margins", "keypad", "column_switch", "cursor_style", "cwd", "prompt",
)  # fmt: skip


def snapshot(emulator: Emulator) -> dict[str, object]:
    """Everything that the emulator holds."""
    screen, scrollback, tokenizer = emulator.screen, emulator.scrollback, emulator.tokenizer
    screen.settle_scrollback()
    cursor = screen.cursor
    pending, flags = tokenizer.decoder.getstate()
    main = screen.main
    return {
        "version": VERSION,
        "columns": screen.columns,
        "rows": screen.lines,
        "screen": _rows(screen.buffer),
        "main": None if main is None else _rows(main),
        "cursor": [cursor.y, cursor.x, cursor.hidden],
        "held": None if screen.held != (cursor.y, cursor.x) else list(screen.held),
        "pen": _pen(screen.pen),
        "sets": list(screen.sets),
        "tabs": sorted(screen.tabstops),
        "modes": {str(number): on for number, on in sorted(screen.modes.items())},
        "touched": sorted(screen.touched),
        "resources": sorted(screen.resources),
        "used": sorted(screen.used),
        "saved": _saved(screen.saved),
        "main_saved": _saved(screen.main_saved),
        "keys": list(screen.keys),
        "main_keys": list(screen.main_keys),
        "key_resources": {str(key): value for key, value in sorted(screen.key_resources.items())},
        "titles": [[what, *saved] for what, saved in screen.titles],
        "palette": {str(key): value for key, value in sorted(screen.palette.items())},
        "dynamic": {str(key): value for key, value in sorted(screen.dynamic.items())},
        "scrollback": scrollback.state(),
        "pending": tokenizer.pending,
        "partial": pending.decode("latin-1"),
        "decoder": flags,
        "errors": tokenizer.errors,
        **{name: getattr(screen, name) for name in _PLAIN},
    }


def restored(kind: type[Emulator], state: dict[str, Any]) -> Emulator:
    """An emulator with this state. Raises ValueError for one of another version."""
    if state.get("version") != VERSION:
        raise ValueError(f"state of version {state.get('version')!r}, not {VERSION}")
    scrollback = state["scrollback"]
    emulator = kind(
        state["columns"],
        state["rows"],
        max_lines=scrollback["line_limit"],
        max_bytes=scrollback["byte_limit"],
    )
    screen, tokenizer = emulator.screen, emulator.tokenizer
    emulator.scrollback.load(scrollback)
    screen.buffer = _load_rows(state["screen"], screen.columns)
    screen.main = None if state["main"] is None else _load_rows(state["main"], screen.columns)
    screen.cursor.y, screen.cursor.x, screen.cursor.hidden = state["cursor"]
    screen.held = None if state["held"] is None else (state["held"][0], state["held"][1])
    for name in _PLAIN:
        setattr(screen, name, state[name])
    screen.set_sides(screen.left, screen.right)
    screen.set_pen(_load_pen(state["pen"]))
    screen.sets = tuple(state["sets"])
    screen.shift(state["charset"])
    screen.tabstops = set(state["tabs"])
    screen.modes = {int(key): on for key, on in state["modes"].items()}
    screen.touched = set(state["touched"])
    screen.resources = set(state["resources"])
    screen.used = set(state["used"])
    screen.saved, screen.main_saved = _load_saved(state["saved"]), _load_saved(state["main_saved"])
    screen.keys, screen.main_keys = list(state["keys"]), list(state["main_keys"])
    screen.key_resources = {int(key): value for key, value in state["key_resources"].items()}
    screen.titles = [(what, (icon, title)) for what, icon, title in state["titles"]]
    screen.palette = {int(key): value for key, value in state["palette"].items()}
    screen.dynamic = {int(key): value for key, value in state["dynamic"].items()}
    tokenizer.pending = state["pending"]
    tokenizer.decoder.setstate((state["partial"].encode("latin-1"), state["decoder"]))
    tokenizer.errors = state["errors"]
    return emulator


def _pen(pen: Pen) -> list[str]:
    return [pen.sgr, pen.link]


def _load_pen(pair: list[str]) -> Pen:
    return linked(step(DEFAULT, pair[0]), pair[1])


def _saved(saved: Saved) -> list[object]:
    return [saved.row, saved.column, _pen(saved.pen), list(saved.sets), saved.charset, saved.origin, saved.wrap]


def _load_saved(data: list[Any]) -> Saved:
    row, column, pen, sets, charset, origin, wrap = data
    return Saved(row, column, _load_pen(pen), tuple(sets), charset, origin, wrap)


def _rows(rows: list[Row]) -> list[list[object]]:
    out: list[list[object]] = []
    for y, row in enumerate(rows):
        painter = Painter()
        painter.cells(trimmed(row))
        following = rows[y + 1] if y + 1 < len(rows) else None
        out.append([str(painter), row.continues, following is not None and leftover(row, following)])
    return out


def _load_rows(data: list[list[Any]], columns: int) -> list[Row]:
    rows = []
    for text, continues, short in data:
        row = Row(columns)
        cells = cells_of(text)
        row[: len(cells)] = cells
        row.touch()
        row.used = len(cells)
        row.continues = continues
        row.short = short
        rows.append(row)
    return rows
