"""Rows at another size: logical lines rewrapped, as in xterm.js; or rows cut and padded.

A cursor on the last row stays near the bottom: lines come back from the scrollback while there is room, and rows that
no longer fit go there. A cursor higher up keeps its distance from the top, and rows below it are dropped only where
there is no other way. Cursors stay on their characters, as in kitty (xterm.js clips their column); trailing blanks do
not count.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from sesh.vt.cell import DEFAULT
from sesh.vt.graphemes import STUB
from sesh.vt.logical import LogicalLine, decoded, joined
from sesh.vt.marks import Mark
from sesh.vt.row import Row, Wrapped, blank, row_of
from sesh.vt.scrollback import Scrollback

Position = tuple[int, int]
"""A position on the screen: (row, column). A position within logical lines: (line, cell)."""


def crop(rows: list[Row], columns: int, lines: int) -> list[Row]:
    """The rows cut or padded to another size."""
    out = []
    for old in rows[:lines]:
        line = old.line()
        if columns < len(old):
            half = line.text[columns] in ("", STUB)
            line = line.cut(0, columns - half)
            if half:
                line = joined([line, LogicalLine(" ", [])])
        row = row_of(line, columns)
        row.wrapped = old.wrapped and columns == len(old)
        out.append(row)
    return out + [Row(columns) for _ in range(lines - len(out))]


def reflow(
    rows: list[Row], scrollback: Scrollback, points: list[Position], columns: int, lines: int
) -> tuple[list[Row], list[Position]]:
    """Return the rows at another size, and the new positions of `points`: the cursor, which is never dropped, and
    others.

    The rows become logical lines, the first of them with its start, which the scrollback has. Empty lines below the
    cursor go. Then lines come back from the scrollback if there is room and the cursor was on the last row. If
    there are too many rows, blank ones at the end go first, then the oldest go to the scrollback, but never the
    cursor's.
    """
    at_bottom = points[0][0] >= len(rows) - 1
    texts, places, marks = unwrap(rows, points)
    if rows[0].wrapped and scrollback.open:
        before: list[Mark] = []
        start = decoded(scrollback.take_back() or "", before)
        texts[0] = joined([start, texts[0]])
        marks[0] = before + [(cell + len(start), body) for cell, body in marks[0]]
        places = [(line, cell + len(start) if line == 0 else cell) for line, cell in places]
    while len(texts) - 1 > places[0][0] and not texts[-1]:
        texts.pop()
    wrapped = [Wrapped(text, columns, marks[index]) for index, text in enumerate(texts)]
    count = sum(line.rows for line in wrapped)
    older: list[Wrapped] = []
    while at_bottom and count < lines:
        line_text = scrollback.take_back()
        if line_text is None:
            break
        before = []
        older.append(Wrapped(decoded(line_text, before), columns, before))
        count += older[-1].rows
    wrapped = older[::-1] + wrapped
    positions = _positions(wrapped, [(line + len(older), cell) for line, cell in places])
    # Rows that go to the scrollback.
    gone = max(0, min(count - _spare(wrapped, len(older) + places[0][0]) - lines, positions[0][0]))
    left = gone
    new: list[Row] = []
    for line in wrapped:
        if left < line.rows:
            if left:
                scrollback.push_line(line, left)
            new += line.made(left, left + lines - len(new))
            if left and new and not scrollback.open:
                new[0].wrapped = False
        else:
            scrollback.push_line(line, line.rows)
        left = max(0, left - line.rows)
        if len(new) == lines:
            break
    positions = [(row - gone, column) if row >= gone else (0, 0) for row, column in positions]
    new += [blank(DEFAULT, columns)] * (lines - len(new))
    return new, [(min(row, lines - 1), min(column, columns)) for row, column in positions]


def unwrap(
    rows: list[Row], points: Sequence[Position] = ()
) -> tuple[list[LogicalLine], list[Position], list[list[Mark]]]:
    """Return the logical lines, the positions of `points` in them or after their ends, and their prompt marks."""
    texts: list[list[LogicalLine]] = []
    length = 0
    places: list[Position] = [(0, 0)] * len(points)
    marks: list[list[Mark]] = []
    for y, row in enumerate(rows):
        if y == 0 or not row.wrapped:
            texts.append([])
            marks.append([])
            length = 0
        for index, (point_row, column) in enumerate(points):
            if point_row == y:
                places[index] = (len(texts) - 1, length + column)
        following = rows[y + 1] if y + 1 < len(rows) else None
        part = row.line_part(following)
        most = len(part) if following is not None and following.wrapped else len(row)
        marks[-1] += [(length + min(column, most), body) for column, body in row.marks]
        texts[-1].append(part)
        length += len(part)
    return list(map(joined, texts)), places, marks


def _spare(lines: list[Wrapped], cursor: int) -> int:
    """Return the number of rows at the end, below the line with the cursor, that are blank in any colour."""
    count = 0
    for line in reversed(lines[cursor + 1 :]):
        if not line.line.is_blank():
            break
        count += line.rows
    return count


def _positions(lines: list[Wrapped], places: list[Position]) -> list[Position]:
    """Return the positions on the screen of places in lines; after the last cell of a full row, a wrap is pending."""
    firsts = [0, *accumulate(line.rows for line in lines)]
    positions = []
    for index, cell in places:
        if index >= len(lines):
            positions.append((firsts[-1] + index - len(lines), min(cell, lines[0].columns - 1)))
            continue
        line = lines[index]
        row = min(bisect_right(line.starts, cell), line.rows) - 1
        last = line.columns if cell <= len(line.line) else line.columns - 1
        positions.append((firsts[index] + row, min(cell - line.starts[row], last)))
    return positions
