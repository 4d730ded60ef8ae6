"""A few cells of one row drawn over what a terminal shows, and taken back, so that nothing else on it changes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sesh.vt.charsets import DEFAULT_SETS
from sesh.vt.emulator import Emulator
from sesh.vt.encoded import Encoder
from sesh.vt.modes import SYNCHRONIZED_OUTPUT
from sesh.vt.pen import DEFAULT, apply_sgr, with_link
from sesh.vt.render.replay import put_cursor
from sesh.vt.row import SPACER, STUB, Row
from sesh.vt.screen import Screen

PATIENCE, _STEP = 0.05, 0.008
"""Seconds of processor time for one piece of output, looked at after each step: beyond them it is not followed."""
_BLANKS = (" ", STUB, SPACER)


def redrawable(emulator: Emulator) -> bool:
    """Return whether cells can be drawn as they are: the output ends in no sequence, and no mode changes what drawing
    does."""
    screen = emulator.screen
    return not (
        emulator.unfinished
        or emulator.in_image
        or screen.insert
        or screen.origin
        or screen.left_right_mode
        or screen.single_shift
        or screen.charsets != DEFAULT_SETS
        or screen.pen.link
        or screen.modes.get(SYNCHRONIZED_OUTPUT)
    )


def restored(screen: Screen, y: int, start: int, end: int) -> bytes:
    """Return the bytes that draw the cells from column `start` up to `end` as they are, and set cursor and pen to those
    of the program."""
    out = _drawn(screen, y, screen.rows[y], start, end)
    put_cursor(out, screen)
    return str(out).encode()


def _drawn(screen: Screen, y: int, row: Row, start: int, end: int) -> Encoder:
    """Draw these columns of `row` in place of row `y`; `start` is in no right half of a wide grapheme."""
    out = Encoder()
    out.pen = screen.pen
    if start >= end:
        return out
    part = row.cut(start, end)
    size = part.end()
    out.sequence(f"\x1b[{y + 1};{start + 1}H")
    out.row(part.cut(0, size))
    if size < len(part):
        out.set_pen(DEFAULT)
        out.sequence(f"\x1b[{len(part) - size}X")
    return out


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
        return redrawable(self._emulator)

    def draw(self, y: int, cells: Mapping[int, str], column: int, *, underlined: bool) -> bytes:
        """Return the bytes that draw `cells` by column over row `y`, in place of those drawn before, and move the
        cursor to `column`. A grapheme takes the pen of the one before it, a blank that of the program."""
        screen = self._screen
        row = screen.rows[y].cut(0, screen.columns)
        for x, grapheme in sorted(cells.items()):
            plain = grapheme == " " or not x or row.text[x - 1] in _BLANKS
            pen = screen.pen if plain else with_link(row.pens[x - 1], "")
            row.text[x], row.pens[x] = grapheme, apply_sgr(pen, "4") if underlined and grapheme != " " else pen
        changed = [*cells, *(self._over[1] if self._over else ())]
        over = range(min(changed, default=0), max(changed, default=-1) + 1)
        self._over = y, over
        out = _drawn(screen, y, row, over.start, over.stop)
        out.set_pen(screen.pen)
        out.sequence(f"\x1b[{y + 1};{column + 1}H")
        return str(out).encode()

    def take_back(self) -> bytes:
        """Return the bytes that restore what was drawn over; empty if nothing was."""
        over, self._over = self._over, None
        return restored(self._screen, over[0], over[1].start, over[1].stop) if over else b""
