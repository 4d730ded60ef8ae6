"""Rows at another size: logical lines wrapped anew, as in xterm.js; or rows cut and padded.

A cursor on the last row stays near the bottom: lines come back from the scrollback while there is room, and rows that
no longer fit go there. A cursor higher up keeps its distance from the top, and rows below it are dropped only where
there is no other way. Cursors stay on their characters, as in kitty (xterm.js clips their column); trailing blanks do
not count.
"""

from __future__ import annotations

from sesh.vt.cell import BLANK, DEFAULT, Cell, decode
from sesh.vt.graphemes import text_presentation
from sesh.vt.row import Row
from sesh.vt.scrollback import Scrollback

#: A position on the screen: (row, column). A position within logical lines: (line, cell).
Position = tuple[int, int]


def crop(rows: list[Row], columns: int, lines: int) -> list[Row]:
    """The rows cut or padded to another size."""
    out = []
    for old in rows[:lines]:
        row = Row(columns)
        width = min(columns, len(old))
        row[:width] = old[:width]
        if width < len(old) and not old[width].data:
            row[width - 1] = DEFAULT.space
        row.reset_hints()
        row.wrapped = old.wrapped and columns == len(old)
        out.append(row)
    return out + [Row(columns) for _ in range(lines - len(out))]


def reflow(
    rows: list[Row], scrollback: Scrollback, marks: list[Position], columns: int, lines: int
) -> tuple[list[Row], list[Position]]:
    """The rows at another size, and where `marks` are then: the cursor, which is never dropped, and others.

    Lines come from the scrollback and go there.
    """
    at_bottom = marks[0][0] >= len(rows) - 1
    texts, places = _unwrap(rows, marks)
    if rows[0].wrapped and scrollback.open:
        start = decode(scrollback.take_back() or "")
        texts[0] = start + texts[0]
        places = [(line, cell + len(start) if line == 0 else cell) for line, cell in places]
    while len(texts) - 1 > places[0][0] and not texts[-1]:
        texts.pop()
    new, firsts = wrap(texts, columns)
    while at_bottom and len(new) < lines:
        text = scrollback.take_back()
        if text is None:
            break
        older, _ = wrap([decode(text)], columns)
        new = older + new
        firsts = [0, *(first + len(older) for first in firsts)]
        places = [(line + 1, cell) for line, cell in places]
    found = [_position(new, firsts, place, columns) for place in places]
    over = len(new) - lines
    if over > 0:
        gone = min(over, found[0][0])
        for at in range(gone):
            continued = at + 1 < len(new) and new[at + 1].wrapped
            scrollback.push(new[at], continued, new[at + 1])
        new = new[gone : gone + lines]
        found = [(row - gone, column) if row >= gone else (0, 0) for row, column in found]
    new += [Row(columns) for _ in range(lines - len(new))]
    return new, [(min(row, lines - 1), min(column, columns)) for row, column in found]


def _unwrap(rows: list[Row], marks: list[Position]) -> tuple[list[list[Cell]], list[Position]]:
    """The logical lines, and where `marks` are in them; the line with the first mark reaches up to it at least."""
    texts: list[list[Cell]] = []
    places: list[Position] = [(0, 0)] * len(marks)
    for y, row in enumerate(rows):
        if y == 0 or not row.wrapped:
            texts.append([])
        text = texts[-1]
        for index, (marked_row, column) in enumerate(marks):
            if marked_row == y:
                places[index] = (len(texts) - 1, len(text) + column)
        text.extend(row.line_part(rows[y + 1] if y + 1 < len(rows) else None))
    line, cell = places[0]
    texts[line].extend([BLANK] * (cell - len(texts[line])))
    return texts, places


def wrap(lines: list[list[Cell]], columns: int) -> tuple[list[Row], list[int]]:
    """The rows of logical lines, and the index of the first row of each line."""
    rows: list[Row] = []
    firsts: list[int] = []
    for text in lines:
        firsts.append(len(rows))
        at = 0
        while True:
            row = Row(columns)
            end = min(at + columns, len(text))
            if (end < len(text) and not text[end].data) or (
                end - at == columns > 1 and text_presentation(text[end - 1].data)
            ):
                end -= 1
                row.spacer = True
            if end <= at < len(text):  # two columns do not fit into one
                text[at : at + 2] = [text[at].pen.space]
                row.spacer = False
                end = at + 1
            row[: end - at] = text[at:end]
            if row.spacer:
                row[-1] = text[end].pen.erased.space
            row.reset_hints()
            row.used = columns if row.spacer else end - at
            row.wrapped = at > 0
            rows.append(row)
            at = end
            if at >= len(text):
                break
    return rows, firsts


def _position(rows: list[Row], firsts: list[int], place: Position, columns: int) -> Position:
    """Where on the screen a place in the lines is; behind the last cell of a full row, a wrap is pending."""
    line, cell = place
    if line >= len(firsts):
        return len(rows) + line - len(firsts), min(cell, columns - 1)
    y = firsts[line]
    end = firsts[line + 1] if line + 1 < len(firsts) else len(rows)
    while y + 1 < end:
        size = columns - rows[y].spacer
        if cell < size:
            break
        cell -= size
        y += 1
    return y, min(cell, columns)
