"""Rows at another size: logical lines rewrapped, as in xterm.js; or rows cut and padded.

A cursor on the last row stays near the bottom: lines come back from the scrollback while there is room, and rows that
no longer fit go there. A cursor higher up keeps its distance from the top, and rows below it are dropped only where
there is no other way. Cursors stay on their characters, as in kitty (xterm.js clips their column); trailing blanks do
not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sesh.vt.encoded import decode
from sesh.vt.graphemes import text_presentation
from sesh.vt.pen import DEFAULT
from sesh.vt.row import SPACER, STUB, Row, blank, joined
from sesh.vt.scrollback import Scrollback

Position = tuple[int, int]
"""A position on the screen: (row, column). A position within logical lines: (line, column)."""


class Wrapped(NamedTuple):
    """The rows of a logical line, and its columns without the blanks at the end of the last row."""

    rows: list[Row]
    length: int


def crop(rows: list[Row], columns: int, lines: int) -> list[Row]:
    """Return the rows cut or padded to another size."""
    out = []
    for old in rows[:lines]:
        row = old.part(0, columns)
        row.continues = old.continues and columns == len(old)
        row.prompt = old.prompt
        _pad(row, columns)
        row.settle_last()
        out.append(row)
    return out + [blank(columns, DEFAULT) for _ in range(lines - len(out))]


def _pad(row: Row, columns: int) -> None:
    missing = columns - len(row)
    row.text += [" "] * missing
    row.pens += [DEFAULT] * missing


def reflow(
    rows: list[Row], scrollback: Scrollback, points: list[Position], columns: int, lines: int
) -> tuple[list[Row], list[Position]]:
    """Return the rows at another size, and the new positions of `points`: the cursor, which is never dropped, and
    others.

    The rows become logical lines, the first of them with its start, which the scrollback has. Empty lines below the
    cursor go. Then lines come back from the scrollback if there is room and the cursor was on the last row. If there
    are too many rows, blank ones at the end go first, then the oldest go to the scrollback, but never the cursor's.
    """
    at_bottom = points[0][0] >= len(rows) - 1
    begun = scrollback.take_open()
    texts, places = unwrap(begun + rows, [(row + len(begun), column) for row, column in points])
    while len(texts) - 1 > places[0][0] and not texts[-1].text:
        texts.pop()
    wrapped = [wrap(text, columns) for text in texts]
    count = sum(len(line.rows) for line in wrapped)
    older: list[Wrapped] = []
    while at_bottom and count < lines and (line := scrollback.take_back()) is not None:
        older.append(wrap(decode(line), columns))
        count += len(older[-1].rows)
    wrapped = older[::-1] + wrapped
    new = [row for line in wrapped for row in line.rows]
    positions = _positions(wrapped, [(line + len(older), column) for line, column in places], columns)
    gone = max(0, min(len(new) - _spare(wrapped, len(older) + places[0][0]) - lines, positions[0][0]))
    for row, following in pairwise(new[: gone + 1]):
        if not scrollback.push(row, following.continues):
            following.continues = False
    new = new[gone : gone + lines]
    new += [blank(columns, DEFAULT) for _ in range(lines - len(new))]
    positions = [(row - gone, column) if row >= gone else (0, 0) for row, column in positions]
    return new, [(min(row, lines - 1), min(column, columns)) for row, column in positions]


def unwrap(rows: list[Row], points: Sequence[Position] = ()) -> tuple[list[Row], list[Position]]:
    """Return the logical lines, and the positions of `points` in them or after their ends."""
    starts = [y for y, row in enumerate(rows) if y == 0 or not row.continues]
    lines, places = [], [(0, 0)] * len(points)
    for number, (first, end) in enumerate(zip(starts, [*starts[1:], len(rows)], strict=True)):
        lines.append(joined(rows[first:end]))
        length = 0
        for y in range(first, end):
            for index, (row, column) in enumerate(points):
                if row == y:
                    places[index] = number, length + column
            length += len(rows[y]) - rows[y].ends_in_spacer(rows[y + 1] if y + 1 < end else None)
    return lines, places


def wrap(line: Row, columns: int) -> Wrapped:
    """Return a line as rows, each as long as the screen is wide."""
    if columns == 1:
        line = _narrowed(line)
    rows: list[Row] = []
    start = 0
    while start < len(line) or not rows:
        end = _row_end(line, start, columns)
        row = line.cut(start, end)
        if end < len(line) and len(row) < columns:
            row.text.append(SPACER)
            row.pens.append(line.pens[end].erased)
        row.continues = start > 0
        row.prompt = line.prompt and not rows
        _pad(row, columns)
        rows.append(row)
        start = end
    return Wrapped(rows, len(line))


def _row_end(line: Row, start: int, columns: int) -> int:
    """Return the end of the row of a line that begins at `start`.

    A wide grapheme is not cut, and one that U+FE0E has made narrow is written like a wide one: it does not fit into the
    last column.
    """
    end = min(start + columns, len(line))
    cuts = end < len(line) and line.text[end] == STUB
    if columns > 1 and (cuts or (end - start == columns and text_presentation(line.text[end - 1]))):
        end -= 1
    return end


def _narrowed(line: Row) -> Row:
    """Return a line for rows of one column: a grapheme that needs two becomes a blank."""
    narrow = Row([], [], prompt=line.prompt)
    for x, grapheme in enumerate(line.text):
        if grapheme != STUB:
            fits = line.text[x + 1 : x + 2] != [STUB] and not text_presentation(grapheme)
            narrow.text.append(grapheme if fits else " ")
            narrow.pens.append(line.pens[x])
    return narrow


def _spare(lines: list[Wrapped], cursor: int) -> int:
    """Return the number of rows at the end, below the line with the cursor, that are blank in any colour."""
    count = 0
    for line in reversed(lines[cursor + 1 :]):
        if not all(row.is_blank() for row in line.rows):
            break
        count += len(line.rows)
    return count


def _positions(lines: list[Wrapped], places: list[Position], columns: int) -> list[Position]:
    """Return the positions on the screen of places in lines; after the last column of a full row, a wrap is pending."""
    positions = []
    for number, column in places:
        y = sum(len(line.rows) for line in lines[:number])
        if number >= len(lines):
            positions.append((y + number - len(lines), min(column, columns - 1)))
            continue
        rows, length = lines[number]
        last = columns if column <= length else columns - 1
        for row, following in pairwise(rows):
            size = columns - row.ends_in_spacer(following)
            if column < size:
                break
            column -= size
            y += 1
        positions.append((y, min(column, last)))
    return positions
