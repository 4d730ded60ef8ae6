"""The client's own model of the screen, in step with the terminal, with cells drawn over it; it loads the emulator."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sesh.vt.emulator import Emulator
from sesh.vt.render import patch

PATIENCE, _STEP = 0.05, 0.008
"""Seconds of processor time for one piece of output, looked at after each step: beyond them it is not followed."""


class Replica:
    """The screen of a terminal, followed from a replay on, over which cells of one row can be drawn."""

    def __init__(self, columns: int, rows: int) -> None:
        self._emulator = Emulator(columns, rows, max_lines=1)
        self._screen = self._emulator.screen
        self._over: tuple[int, range] | None = None
        """The row and the columns that are drawn over; no columns if the cursor alone is elsewhere."""

    def follow(self, data: bytes) -> bool:
        """Take in what the terminal gets; return False if that takes too long."""
        until = time.thread_time() + PATIENCE
        while data := data[self._emulator.feed(data, _STEP) :]:
            if time.thread_time() >= until:
                return False
        return True

    @property
    def line(self) -> tuple[int, tuple[str, ...], int]:
        """The row of the cursor, its cells, and the column of the cursor."""
        y, x = self._emulator.cursor
        return y, tuple(self._screen.rows[y].text), x

    @property
    def drawable(self) -> bool:
        """True if cells can be drawn now."""
        return patch.redrawable(self._emulator)

    def draw(self, y: int, cells: Mapping[int, str], column: int, *, underlined: bool) -> bytes:
        """Return the bytes that draw `cells` by column over row `y`, in place of those drawn before, and move the
        cursor to `column`."""
        changed = [*cells, *(self._over[1] if self._over else ())]
        over = range(min(changed, default=0), max(changed, default=-1) + 1)
        self._over = y, over
        return patch.drawn(self._screen, y, cells, over, column, underlined=underlined)

    def take_back(self) -> bytes:
        """Return the bytes that restore what was drawn over; empty if nothing was."""
        over, self._over = self._over, None
        return patch.restored(self._screen, over[0], over[1].start, over[1].stop) if over else b""
