"""Print a few cells over a terminal's row, and restore them, changing nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from sesh.vt.emulator import Emulator
from sesh.vt.encoded import Encoder
from sesh.vt.modes import SYNCHRONIZED_OUTPUT
from sesh.vt.pen import DEFAULT, apply_sgr, with_link
from sesh.vt.render.replay import put_cursor
from sesh.vt.row import STUB, Row
from sesh.vt.screen import Screen


def patchable(emulator: Emulator) -> bool:
    """Return whether cells can be printed now: outside a sequence, without modes that affect printing."""
    screen = emulator.screen
    affected = screen.left_right_mode or screen.pen.link or screen.modes.get(SYNCHRONIZED_OUTPUT)
    return screen.prints_plainly and not (affected or emulator.unfinished)


def restored(screen: Screen, y: int, start: int, end: int) -> bytes:
    """Return the bytes that restore columns of row `y`, the cursor and the pen."""
    out = _printed(screen, y, screen.rows[y], start, end)
    put_cursor(out, screen)
    return str(out).encode()


def printed(screen: Screen, y: int, cells: Mapping[int, str], over: range, column: int) -> bytes:
    """Print `cells` by column, restore the other columns of `over`, and move the cursor.

    A grapheme takes the pen of the grapheme before it, underlined. After a blank, a wide grapheme or the left edge it
    takes the program's pen, underlined. A blank takes the program's pen.
    """
    row = screen.rows[y].cut(0, screen.columns)
    for x, grapheme in sorted(cells.items()):
        plain = grapheme == " " or not x or row.text[x - 1] in (" ", STUB)
        pen = screen.pen if plain else with_link(row.pens[x - 1], "")
        row.text[x] = grapheme
        row.pens[x] = pen if grapheme == " " else apply_sgr(pen, "4")
    out = _printed(screen, y, row, over.start, over.stop)
    out.set_pen(screen.pen)
    out.sequence(f"\x1b[{y + 1};{column + 1}H")
    return str(out).encode()


def _printed(screen: Screen, y: int, row: Row, start: int, end: int) -> Encoder:
    """Print columns of `row` over row `y`; `start` must begin a grapheme."""
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
