"""Resizing: lines of the main screen wrap anew as in xterm.js, the alternate screen is cut and padded.

Logical lines are joined and wrapped anew at the new width. A cursor on the last row stays near the bottom: rows
come back from the scrollback where there is room, rows that no longer fit go into it. A cursor higher up keeps
its distance from the top, and rows below it are dropped only where there is no other way. The cursor and the
saved cursor stay on their characters, as in kitty (xterm.js clips their column); trailing blanks take no part.
"""

from __future__ import annotations

from sesh.vt.ansi import cells_of
from sesh.vt.cell import BLANK, DEFAULT, Cell
from sesh.vt.graphemes import narrowed
from sesh.vt.grid import Row
from sesh.vt.scrollback import leftover, trimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.screen import Screen

#: A place among logical lines: (line, cell).
Place = tuple[int, int]


def reflow(screen: Screen, columns: int, lines: int) -> None:
    """Give `screen` another size."""
    shown = screen.main if screen.main is not None else screen.buffer
    cursor, saved = screen.cursor, screen.saved
    marks = [(cursor.y, cursor.x), (saved.row, saved.column)]
    if screen.main is not None:
        held = screen.main_saved
        marks = [(held.row, held.column)]
        screen.buffer = _cropped(screen.buffer, columns, lines)
        column = columns if saved.column >= screen.columns else saved.column
        screen.saved = saved._replace(row=min(saved.row, lines - 1), column=min(column, columns))
        if cursor.x >= screen.columns or cursor.x >= columns:
            cursor.x = columns - 1
        cursor.y = min(cursor.y, lines - 1)
    rows, marks = _rewrapped(screen, shown, marks, columns, lines)
    if screen.main is not None:
        screen.main = rows
        screen.main_saved = screen.main_saved._replace(row=marks[0][0], column=marks[0][1])
    else:
        screen.buffer = rows
        cursor.y, cursor.x = marks[0]
        screen.saved = saved._replace(row=marks[1][0], column=marks[1][1])
    stops = {stop for stop in screen.tabstops if stop < columns}
    screen.tabstops = stops | {stop for stop in range(8, columns, 8) if stop >= screen.columns}
    screen.columns, screen.lines = columns, lines
    screen.open = False


def _cropped(rows: list[Row], columns: int, lines: int) -> list[Row]:
    out = []
    for old in rows[:lines]:
        row = Row(columns)
        width = min(columns, len(old))
        row[:width] = old[:width]
        if width < len(old) and not old[width].data:
            row[width - 1] = DEFAULT.space
        row.touch()
        row.continues = old.continues and columns == len(old)
        out.append(row)
    return out + [Row(columns) for _ in range(lines - len(out))]


def _rewrapped(
    screen: Screen, rows: list[Row], marks: list[tuple[int, int]], columns: int, lines: int
) -> tuple[list[Row], list[tuple[int, int]]]:
    """The rows of the new screen, and where the marks are on it; the rest goes to the scrollback."""
    scrollback = screen.scrollback
    at_bottom = marks[0][0] >= len(rows) - 1
    texts, places = _logical(rows, marks)
    if rows[0].continues and scrollback.open:
        start = cells_of(scrollback.take_back() or "")
        texts[0] = start + texts[0]
        places = [(line, cell + len(start) if line == 0 else cell) for line, cell in places]
    keep = max(line for line, _ in places[:1])
    while len(texts) - 1 > keep and not texts[-1]:
        texts.pop()
    new, firsts = wrapped(texts, columns)
    while at_bottom and len(new) < lines:
        text = scrollback.take_back()
        if text is None:
            break
        older, _ = wrapped([cells_of(text)], columns)
        new = older + new
        firsts = [first + len(older) for first in firsts]
        texts.insert(0, [])
        places = [(line + 1, cell) for line, cell in places]
        firsts.insert(0, 0)
    found = [_position(new, firsts, place, columns) for place in places]
    over = len(new) - lines
    if over > 0:
        gone = min(over, found[0][0])
        for at in range(gone):
            after = at + 1 < len(new) and new[at + 1].continues
            scrollback.push(new[at], after, new[at + 1])
        new = new[gone : gone + lines]
        found = [(max(row - gone, 0) if row >= gone else 0, column if row >= gone else 0) for row, column in found]
    new += [Row(columns) for _ in range(lines - len(new))]
    return new, [(min(row, lines - 1), min(column, columns)) for row, column in found]


def _logical(rows: list[Row], marks: list[tuple[int, int]]) -> tuple[list[list[Cell]], list[Place]]:
    """Logical lines, and the places of the marks in them; a line is kept up to the cursor standing on it."""
    texts: list[list[Cell]] = []
    places: list[Place] = [(0, 0)] * len(marks)
    for y, row in enumerate(rows):
        if y == 0 or not row.continues:
            texts.append([])
        text = texts[-1]
        for index, (row_of, column) in enumerate(marks):
            if row_of == y:
                places[index] = (len(texts) - 1, len(text) + column)
        following = rows[y + 1] if y + 1 < len(rows) else None
        if following is None or not following.continues:
            text.extend(trimmed(row))
        else:
            text.extend(row[:-1] if leftover(row, following) else row)
    line, cell = places[0]
    if cell > len(texts[line]):
        texts[line].extend([BLANK] * (cell - len(texts[line])))
    return texts, places


def wrapped(texts: list[list[Cell]], columns: int) -> tuple[list[Row], list[int]]:
    """Rows for logical lines, and the index of the first row of each line."""
    rows: list[Row] = []
    firsts: list[int] = []
    for text in texts:
        firsts.append(len(rows))
        at = 0
        while True:
            row = Row(columns)
            end = min(at + columns, len(text))
            if (end < len(text) and not text[end].data) or (end - at == columns > 1 and narrowed(text[end - 1].data)):
                end -= 1
                row.short = True
            if end <= at < len(text):  # two columns do not fit into one
                text[at : at + 2] = [text[at].pen.space]
                row.short = False
                end = at + 1
            row[: end - at] = text[at:end]
            if row.short:
                row[-1] = text[end].pen.erased.space
            row.touch()
            row.used = columns if row.short else end - at
            row.continues = at > 0
            rows.append(row)
            at = end
            if at >= len(text):
                break
    return rows, firsts


def _position(rows: list[Row], firsts: list[int], place: Place, columns: int) -> tuple[int, int]:
    """Row and column of a place; behind the last cell of a full row it waits to wrap."""
    line, cell = place
    if line >= len(firsts):
        return len(rows) + line - len(firsts), min(cell, columns - 1)
    y = firsts[line]
    end = firsts[line + 1] if line + 1 < len(firsts) else len(rows)
    while y + 1 < end:
        size = columns - rows[y].short
        if cell < size:
            break
        cell -= size
        y += 1
    return y, min(cell, columns)
