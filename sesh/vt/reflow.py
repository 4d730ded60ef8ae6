"""Rows at another size: logical lines rewrapped, as in xterm.js; or rows cropped and padded.

If the cursor is on the last row, lines return from the scrollback to fill the screen. If the cursor is higher up, no
lines return, so the distance from the top is kept. Rows that do not fit go to the scrollback, but never the cursor's
row; blank rows at the end are dropped first, other rows below the cursor only if nothing else makes room. Cursors stay
on their characters, as in kitty (xterm.js clips their column).
Trailing blanks are ignored.
"""

from __future__ import annotations

from sesh.vt.encoded import decode
from sesh.vt.pen import DEFAULT
from sesh.vt.row import SPACER, STUB, Row, blank, logical_line
from sesh.vt.scrollback import Scrollback

Position = tuple[int, int]  # (row, column) on the screen, or (line, column) in logical lines


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
    rows = scrolled + rows
    places = [_in_lines(rows, row + len(scrolled), column) for row, column in points]
    lines = unwrap(rows)
    while len(lines) - 1 > places[0][0] and not lines[-1].text:
        lines.pop()
    wrapped = [wrap(line, columns) for line in lines]
    new = [row for line in wrapped for row in line]
    older: list[Row] = []
    while at_bottom and len(older) + len(new) < height and (text := scrollback.take_back()) is not None:
        older[:0] = wrap(decode(text), columns)
    new = older + new
    in_rows = [_in_rows(lines, wrapped, number, column, columns) for number, column in places]
    positions = [(row + len(older), column) for row, column in in_rows]
    end = len(new)
    while end > positions[0][0] + 1 and not new[end - 1].trimmed_text():
        end -= 1
    gone = max(0, min(end - height, positions[0][0]))
    for row, following in zip(new, new[1 : gone + 1]):
        if not scrollback.push(row, following.continues):
            following.continues = False
    new = new[gone : gone + height]
    new += [blank(columns, DEFAULT) for _ in range(height - len(new))]
    positions = [(row - gone, column) if row >= gone else (0, 0) for row, column in positions]
    return new, [(min(row, height - 1), min(column, columns)) for row, column in positions]


def unwrap(rows: list[Row]) -> list[Row]:
    """Return the logical lines of rows."""
    starts = [y for y, row in enumerate(rows) if y == 0 or not row.continues]
    return [logical_line(rows[first:end]) for first, end in zip(starts, [*starts[1:], len(rows)])]


def _in_lines(rows: list[Row], y: int, column: int) -> Position:
    """Return the position in the lines of a position in the rows."""
    first = y
    while first and rows[first].continues:
        first -= 1
    number = sum(not row.continues for row in rows[1 : first + 1])
    above = zip(rows[first:y], rows[first + 1 : y + 1])
    return number, column + sum(len(row) - row.ends_in_spacer(following) for row, following in above)


def wrap(line: Row, columns: int) -> list[Row]:
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
    return rows


def _in_rows(lines: list[Row], wrapped: list[list[Row]], number: int, column: int, columns: int) -> Position:
    """Return the position in rows of one in lines; a full row leaves a wrap."""
    y = sum(map(len, wrapped[:number]))
    if number >= len(lines):
        return y + number - len(lines), min(column, columns - 1)
    last = columns if column <= len(lines[number]) else columns - 1
    for row, following in zip(wrapped[number], wrapped[number][1:]):
        size = columns - row.ends_in_spacer(following)
        if column < size:
            break
        column -= size
        y += 1
    return y, min(column, last)
