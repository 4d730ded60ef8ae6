"""Rows at another size: logical lines rewrapped, as in xterm.js; or rows cropped and padded.

If the cursor is on the last row, lines return from the scrollback to fill the screen. If the cursor is higher up, no
lines return, so the distance from the top is kept. Rows that do not fit go to the scrollback, but never the cursor's
row; blank rows at the end are dropped first, other rows below the cursor only if nothing else makes room. Cursors stay
on their characters, as in kitty (xterm.js clips their column).
Trailing blanks are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sesh.vt.encoded import decode
from sesh.vt.pen import DEFAULT
from sesh.vt.row import SPACER, STUB, Row, blank, logical_line
from sesh.vt.scrollback import Scrollback

Position = tuple[int, int]  # (row, column) on the screen, or (line, column) in logical lines


class Wrapped(NamedTuple):
    """A line as rows of one width."""

    rows: list[Row]
    length: int  # the columns of the line without trailing blanks


def crop(rows: list[Row], columns: int, height: int) -> list[Row]:
    """Return the rows cropped or padded to another size."""
    out = []
    for old in rows[:height]:
        row = old.part(0, columns)
        row.continues = old.continues and columns == len(old)
        row.prompt = old.prompt
        _pad(row, columns)
        out.append(row)
    return out + [blank(columns, DEFAULT) for _ in range(height - len(out))]


def _pad(row: Row, columns: int) -> None:
    missing = columns - len(row)
    row.text += [" "] * missing
    row.pens += [DEFAULT] * missing


def reflow(
    rows: list[Row], scrollback: Scrollback, points: list[Position], columns: int, height: int
) -> tuple[list[Row], list[Position]]:
    """Return the rows at another size, and the new positions of `points`, the cursor first."""
    at_bottom = points[0][0] >= len(rows) - 1
    scrolled = scrollback.take_open()
    lines, places = unwrap(scrolled + rows, [(row + len(scrolled), column) for row, column in points])
    while len(lines) - 1 > places[0][0] and not lines[-1].text:
        lines.pop()
    wrapped = [wrap(line, columns) for line in lines]
    count = sum(len(line.rows) for line in wrapped)
    older: list[Wrapped] = []
    while at_bottom and count < height and (text := scrollback.take_back()) is not None:
        older.append(wrap(decode(text), columns))
        count += len(older[-1].rows)
    wrapped = older[::-1] + wrapped
    new = [row for line in wrapped for row in line.rows]
    positions = _positions(wrapped, [(line + len(older), column) for line, column in places], columns)
    end = len(new)
    while end > positions[0][0] + 1 and not new[end - 1].trimmed_text():
        end -= 1
    gone = max(0, min(end - height, positions[0][0]))
    for row, following in pairwise(new[: gone + 1]):
        if not scrollback.push(row, following.continues):
            following.continues = False
    new = new[gone : gone + height]
    new += [blank(columns, DEFAULT) for _ in range(height - len(new))]
    positions = [(row - gone, column) if row >= gone else (0, 0) for row, column in positions]
    return new, [(min(row, height - 1), min(column, columns)) for row, column in positions]


def unwrap(rows: list[Row], points: Sequence[Position] = ()) -> tuple[list[Row], list[Position]]:
    """Return the logical lines of rows, and the positions of `points` in them."""
    starts = [y for y, row in enumerate(rows) if y == 0 or not row.continues]
    lines = []
    places = [(0, 0)] * len(points)
    for number, (first, end) in enumerate(pairwise([*starts, len(rows)])):
        lines.append(logical_line(rows[first:end]))
        length = 0
        for y in range(first, end):
            for index, (row, column) in enumerate(points):
                if row == y:
                    places[index] = number, length + column
            length += len(rows[y])
            if y + 1 < end and rows[y].ends_in_spacer(rows[y + 1]):
                length -= 1
    return lines, places


def wrap(line: Row, columns: int) -> Wrapped:
    """Wrap a line into rows; in one column a wide grapheme becomes two blanks."""
    rows: list[Row] = []
    start = 0
    while start < len(line) or not rows:
        end = min(start + columns, len(line))
        if columns > 1 and end < len(line) and line.text[end] == STUB:
            end -= 1
        row = line.part(start, end)
        if end < len(line) and len(row) < columns:
            row.text.append(SPACER)
            row.pens.append(line.pens[end].erased)
        row.continues = start > 0
        row.prompt = line.prompt and not rows
        _pad(row, columns)
        rows.append(row)
        start = end
    return Wrapped(rows, len(line))


def _positions(lines: list[Wrapped], places: list[Position], columns: int) -> list[Position]:
    """Map places in lines to the screen; after a full row a wrap is pending."""
    positions = []
    for number, column in places:
        y = sum(len(line.rows) for line in lines[:number])
        if number >= len(lines):
            positions.append((y + number - len(lines), min(column, columns - 1)))
            continue
        rows, length = lines[number]
        last = columns if column <= length else columns - 1
        for row, following in pairwise(rows):
            size = columns - 1 if row.ends_in_spacer(following) else columns
            if column < size:
                break
            column -= size
            y += 1
        positions.append((y, min(column, last)))
    return positions
