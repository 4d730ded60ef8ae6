"""An emulator as plain data, fit for JSON: the bytes that restore it, and what they do not tell."""

from __future__ import annotations

from typing import TypedDict

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay


class Saved(TypedDict):
    """An emulator as plain data.

    `lines`: those that scrolled off, as encoded texts. `replay`: bytes as latin-1. `completed`: the
    number of its newest finished line. `used`: see `Grid`.
    """

    columns: int
    rows: int
    max_lines: int
    max_bytes: int
    lines: list[str]
    replay: str
    completed: int
    used: list[str]


def saved(emulator: Emulator) -> Saved:
    """Return an emulator as data."""
    screen, scrollback = emulator.screen, emulator.scrollback
    screen.settle_scrollback()
    return {
        "columns": emulator.columns,
        "rows": emulator.rows,
        "max_lines": scrollback.max_lines,
        "max_bytes": scrollback.max_bytes,
        "lines": scrollback.last(scrollback.lines),
        "replay": replay(emulator, lines=int(scrollback.open), clear=False).decode("latin-1"),
        "completed": scrollback.completed,
        "used": sorted(screen.used),
    }


def restored(data: Saved) -> Emulator:
    """Return the emulator that `saved` was called on."""
    emulator = Emulator(data["columns"], data["rows"], max_lines=data["max_lines"], max_bytes=data["max_bytes"])
    emulator.scrollback.extend(data["lines"])
    emulator.feed(data["replay"].encode("latin-1"))
    emulator.scrollback.scrolled = data["completed"] + emulator.scrollback.open
    emulator.screen.used = set(data["used"])
    return emulator
