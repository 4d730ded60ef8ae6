"""The last row of the terminal, found from the newest bytes that it was sent, for a notice that has to cover it.

It loads the emulator, so it is for moments when nothing else is to be done: the link is lost.
"""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from sesh.vt.emulator import Emulator
from sesh.vt.render.patch import redrawable, restored

TIME = 0.2
"""Seconds of processor time, after which the row counts as unknown."""
_SHORT = 16 << 10
"""Bytes that mostly suffice; the whole is looked at only if they do not."""
_SLICE, _STEP = 4 << 10, 0.01
_SGR = re.compile(rb"\x1b\[[0-9;:]*m")
_PEN = b"\x1b[1;3;4;5;7;8;9;35;46m"


class LastRow(NamedTuple):
    """The bytes that draw the row again and put cursor and pen back; the cursor's row and column, from 0."""

    restored: bytes
    cursor: tuple[int, int]


def last_row(tail: bytes, columns: int, rows: int, *, whole: bool, default_pen: bool) -> LastRow | None:
    """Return the last row after `tail`, on the main screen of a terminal with the default modes; None if unknown.

    The screen before `tail` is not known. So `tail` is fed to screens that differ in every cell, in the cursor, the pen
    and the saved ones: if the last row is the same on all, nothing of them is left in it. `whole`: `tail` is all that
    was ever shown; if not, it may begin within a sequence, which surely ends before the first line feed. `default_pen`:
    the pen is the default after `tail`, and therefore before it too, if `tail` never sets it.
    """
    until = time.thread_time() + TIME
    for size in (_SHORT, len(tail)) if len(tail) > _SHORT else (len(tail),):
        complete = whole and size == len(tail)
        part = tail if complete else tail[-size:].partition(b"\n")[2]
        plain = complete or (default_pen and _SGR.search(part) is None)
        row = _sure_row(part, b"" if plain else _PEN, columns, rows, until)
        if row is not None:
            return row
    return None


def _sure_row(tail: bytes, pen: bytes, columns: int, rows: int, until: float) -> LastRow | None:
    """Return the last row after `tail`, None if it depends on the screen before."""
    filled = b"".join(b"\x1b[%d;1H%s" % (row, b"#" * columns) for row in range(1, rows + 1))
    last = _row_after(tail, b"", columns, rows, until)
    for cursor in (b"\x1b[H", b"\x1b[%d;%dH" % (rows, max(1, columns - 1))):
        start = b"%s%s\x1b7\x1b[m%s%s" % (_PEN, filled, pen, cursor)
        if last is None or last != _row_after(tail, start, columns, rows, until):
            return None
    return last


def _row_after(tail: bytes, start: bytes, columns: int, rows: int, until: float) -> LastRow | None:
    emulator = Emulator(columns, rows, max_lines=1)
    emulator.feed(start)
    fed = 0
    while fed < len(tail):
        if time.thread_time() >= until:
            return None
        fed += emulator.feed(tail[fed : fed + _SLICE], _STEP)
    if emulator.alternate or not redrawable(emulator):
        return None
    screen = emulator.screen
    row = b"\x1b[%d;1H\x1b[0m\x1b[%dX\x1b[%sm" % (rows, columns, screen.pen.sgr.encode())
    return LastRow(row + restored(screen, rows - 1, 0, columns), emulator.cursor)
