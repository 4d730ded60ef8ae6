"""The last row of the terminal, found from the newest bytes that it was sent, for a notice that has to cover it.

It loads the emulator, so it is for moments when nothing else is to be done: the link is lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

from sesh.client.ledger import Ledger
from sesh.vt.emulator import Emulator
from sesh.vt.render.patch import redrawable, restored

TIME = 0.2
"""Seconds of processor time, after which the row counts as unknown."""
_SHORT = 16 << 10
"""Bytes that mostly suffice; the whole is looked at only if they do not."""
_SLICE, _STEP = 4 << 10, 0.01
_LEAVING = re.compile(rb"\x1b\[\?(?:[0-9]+;)*(?:47|104[79])(?:;[0-9]+)*l")
_MARGINS = re.compile(rb"\x1b\[[0-9;]*r|\x1b\[!p")
_PEN = b"\x1b[1;3;4;5;7;8;9;35;46m"


class LastRow(NamedTuple):
    """The bytes that draw the row again and put cursor and pen back; the cursor's row and column, from 0."""

    restored: bytes
    cursor: tuple[int, int]


class Known(NamedTuple):
    """What is known of the terminal after the tail.

    `whole`: the tail is all that was ever shown. `plainly`: the main screen shows, and no mode but margins changes how
    text is drawn; `margins`: there are some. `default_pen`: the pen is the default one.
    """

    whole: bool
    plainly: bool
    margins: bool
    default_pen: bool


def last_row(tail: bytes, columns: int, rows: int, known: Known) -> LastRow | None:
    """Return the last row after `tail`; None if unknown.

    The screen before `tail` is not known. So `tail` is fed to screens that differ in every cell, in the cursor, the
    pen, the saved ones and the margins: if the last row is the same on all, nothing of them is left in it. A tail that
    is not whole may begin within a sequence, which surely ends before the first line feed. What is the default after
    it, and was never set by it, was the default before.
    """
    until = time.thread_time() + TIME
    for size in (_SHORT, len(tail)) if len(tail) > _SHORT else (len(tail),):
        complete = known.whole and size == len(tail)
        part = tail if complete else tail[-size:].partition(b"\n")[2]
        if not complete and (not known.plainly or (known.margins and _MARGINS.search(part) is None)):
            continue
        pen = b"" if complete or (known.default_pen and _keeps_pen(part)) else _PEN
        starts = _starts(part, pen, columns, rows, complete=complete)
        found = [_row_after(part, start, columns, rows, until, alternate=complete) for start in starts]
        if found[0] is not None and all(row == found[0] for row in found):
            return found[0]
    return None


def _keeps_pen(tail: bytes) -> bool:
    """Return whether another pen than the default one before `tail` would not be the default one after it."""
    ledger = Ledger()
    ledger.feed(_PEN + b"\x1b[?1049h" * (_LEAVING.search(tail) is not None) + tail)
    return not ledger.default_pen


def _starts(tail: bytes, pen: bytes, columns: int, rows: int, *, complete: bool) -> Iterator[bytes]:
    """Yield the bytes that make screens of all kinds on which `tail` may begin."""
    yield b""
    filled = b"".join(b"\x1b[%d;1H%s" % (row, b"#" * columns) for row in range(1, rows + 1))
    start = b"%s%s\x1b7\x1b[m%s" % (_PEN, filled, pen)
    if not complete and _LEAVING.search(tail) is not None:
        start += b"\x1b[?1049h"
    yield start + b"\x1b[H"
    margins = not complete and _MARGINS.search(tail) is not None
    yield start + b"\x1b[2;%dr" % (rows - 1) * margins + b"\x1b[%d;%dH" % (rows, max(1, columns - 1))


def _row_after(tail: bytes, start: bytes, columns: int, rows: int, until: float, *, alternate: bool) -> LastRow | None:
    emulator = Emulator(columns, rows, max_lines=1)
    emulator.feed(start)
    fed = 0
    while fed < len(tail):
        if time.thread_time() >= until:
            return None
        fed += emulator.feed(tail[fed : fed + _SLICE], _STEP)
    if (emulator.alternate and not alternate) or not redrawable(emulator):
        return None
    screen = emulator.screen
    row = b"\x1b[%d;1H\x1b[0m\x1b[%dX\x1b[%sm" % (rows, columns, screen.pen.sgr.encode())
    return LastRow(row + restored(screen, rows - 1, 0, columns), emulator.cursor)
