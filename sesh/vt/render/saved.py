"""An emulator as plain data, fit for JSON: the bytes that restore it, and what they do not tell."""

from __future__ import annotations

from typing import TypedDict

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay


class Saved(TypedDict):
    """An emulator as plain data.

    `lines`: those that scrolled off, as encoded texts. `replay`: bytes as latin-1. `completed`: the
    number of its newest finished line. `ever_*`: see `Screen`.
    """

    columns: int
    rows: int
    max_lines: int
    max_bytes: int
    lines: list[str]
    replay: str
    completed: int
    ever_changed: list[str]
    ever_set_modes: list[int]
    ever_set_resources: list[int]


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
        "ever_changed": sorted(screen.ever_changed),
        "ever_set_modes": sorted(screen.ever_set_modes),
        "ever_set_resources": sorted(screen.ever_set_resources),
    }


def restored(data: Saved) -> Emulator:
    """Return the emulator that `saved` was called on."""
    emulator = Emulator(data["columns"], data["rows"], max_lines=data["max_lines"], max_bytes=data["max_bytes"])
    emulator.scrollback.extend(data["lines"])
    emulator.feed(data["replay"].encode("latin-1"))
    screen = emulator.screen
    emulator.scrollback.scrolled = data["completed"] + emulator.scrollback.open
    screen.ever_changed = set(data["ever_changed"])
    screen.ever_set_modes = set(data["ever_set_modes"])
    screen.ever_set_resources = set(data["ever_set_resources"])
    return emulator
