"""A few cells of one row drawn over what a terminal shows, and removed again, so that nothing else on it changes.

For terminals that show exactly what the emulator holds.
"""

from __future__ import annotations

from sesh.vt.charsets import DEFAULT_SETS
from sesh.vt.emulator import Emulator
from sesh.vt.encoded import Encoder
from sesh.vt.modes import SYNCHRONIZED_OUTPUT
from sesh.vt.pen import DEFAULT, apply_sgr, with_link
from sesh.vt.render.replay import put_cursor
from sesh.vt.row import SPACER, STUB
from sesh.vt.screen import Screen


def patchable(emulator: Emulator) -> bool:
    """Return whether cells can be drawn now, and the cursor put at any position."""
    return redrawable(emulator) and not emulator.screen.pending_wrap


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


def drawn(
    screen: Screen, y: int, cells: dict[int, str], column: int, *, underlined: bool, kept: dict[int, str] | None = None
) -> bytes:
    """Return the bytes that draw these graphemes of one column each in row `y`, and put the cursor into `column` of it.

    A grapheme takes the pen of what stands before it, a blank that of the program. `kept`: those that are drawn.
    """
    kept, own, parts = kept or {}, screen.pen, []
    changed = sorted([x for x, text in cells.items() if kept.get(x) != text])
    row = screen.rows[y]
    at, start, pen, look = -1, -1, own, own
    for x in changed:
        if x != at:
            parts.append(f"\x1b[{y + 1};{x + 1}H")
        first = x
        while first != start and first - 1 in cells:
            first -= 1
        if first != start:
            start = first
            before = first and row.text[first - 1] not in (" ", STUB, SPACER)
            look = with_link(row.pens[first - 1] if before else own, "")
        wanted = apply_sgr(look, "4") if underlined and cells[x] != " " else look
        if wanted.sgr != pen.sgr:
            parts.append(wanted.sequence)
            pen = wanted
        parts.append(cells[x])
        at = x + 1
    if own.sgr != pen.sgr:
        parts.append(own.sequence)
    parts.append(f"\x1b[{y + 1};{column + 1}H")
    return "".join(parts).encode()


def restored(screen: Screen, y: int, start: int, end: int) -> bytes:
    """Return the bytes that draw the cells from column `start` up to `end` as they are, and set cursor and pen to those
    of the program."""
    out = Encoder()
    out.pen = screen.pen
    row = screen.rows[y]
    if start < end:
        while start > 0 and row.text[start] == STUB:
            start -= 1
        while end < len(row) and row.text[end] == STUB:
            end += 1
        part = row.cut(start, end)
        size = part.end()
        out.sequence(f"\x1b[{y + 1};{start + 1}H")
        out.row(part.cut(0, size))
        if size < len(part):
            out.set_pen(DEFAULT)
            out.sequence(f"\x1b[{len(part) - size}X")
    put_cursor(out, screen)
    return str(out).encode()
