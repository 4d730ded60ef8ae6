"""A row of the screen, and the rows that make up a logical line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sesh.vt.cell import BLANK, DEFAULT, Cell, Encoder, Pen, data_of, encode
from sesh.vt.graphemes import text_presentation


class Row(list[Cell]):
    """A row of cells, always as long as the screen is wide.

    wrapped: the row goes on with the logical line of the row above (xterm.js: isWrapped).
    spacer: the last cell may be there only because a wide character did not fit and wrapped (see `ends_in_spacer`).
    shared: it stands in several places, and is never changed (see `uniform`); `line` is then its text, if known.
    Hints for speed: from `used` on, all cells are `rest`, an ASCII one; `styled`: cells may have pens that are not the
    default; `wide`: there may be wide characters.
    """

    __slots__ = ("line", "rest", "shared", "spacer", "styled", "used", "wide", "wrapped")

    def __init__(self, columns: int, pen: Pen = DEFAULT) -> None:
        super().__init__([pen.space] * columns)
        self.wrapped = self.spacer = self.wide = self.shared = False
        self.styled = pen is not DEFAULT
        self.rest = pen.space
        self.used = 0
        self.line: str | None = None

    def own(self) -> Row:
        """A row with the same cells that may be changed."""
        row = Row(0)
        row[:] = self
        row.wrapped, row.spacer, row.wide, row.styled = self.wrapped, self.spacer, self.wide, self.styled
        row.rest, row.used = self.rest, self.used
        return row

    def clear(self, pen: Pen = DEFAULT) -> None:
        """Make it a blank row, as erasing with `pen` leaves it."""
        space = pen.space
        if space is self.rest:
            self[: self.used] = [space] * self.used
        else:
            self[:] = [space] * len(self)
            self.rest = space
        self.used = 0
        self.styled = pen is not DEFAULT
        self.wrapped = self.spacer = self.wide = False

    def fill(self, start: int, end: int, pen: Pen) -> None:
        """Blank the cells from `start` up to `end` with `pen`, and what this leaves of wide characters at the edges."""
        if start >= end:
            return
        self.blank_halves_outside(start, end, pen)
        space = pen.space
        if space is self.rest:
            end = min(end, self.used)
            if start < end:
                self[start:end] = [space] * (end - start)
                if end == self.used:
                    self.used = start
            return
        self[start:end] = [space] * (end - start)
        if end == len(self):
            self.rest = space
            self.used = start
        else:
            self.used = max(self.used, end)
        self.styled = self.styled or pen is not DEFAULT

    def blank_halves_outside(self, start: int, end: int, pen: Pen) -> None:
        """Before `start` up to `end` are overwritten: blank the other half of each wide character half in there."""
        if not self.wide:
            return
        if 0 < start < len(self) and not self[start].data:
            self[start - 1] = pen.space
            self.styled = self.styled or pen is not DEFAULT
        if end < len(self) and not self[end].data:
            self[end] = pen.space
            self.styled = self.styled or pen is not DEFAULT

    def blank_across(self, pen: Pen, *edges: int) -> None:
        """Blank each wide character that lies across one of `edges`, each given by the column to its right."""
        if self.wide:
            for edge in edges:
                if 0 < edge < len(self) and not self[edge].data:
                    self[edge - 1] = self[edge] = pen.space

    def insert_blanks(self, x: int, count: int, end: int, pen: Pen) -> None:
        """Insert blanks at `x`; the cells up to `end` move right, and those that come there are lost."""
        self.blank_across(pen, x, end - count, end)
        del self[end - count : end]
        self[x:x] = [pen.space] * count
        self.used = min(max(self.used, x) + count, end) if end == len(self) else len(self)
        self.styled = self.styled or pen is not DEFAULT
        self._settle_last()

    def delete_cells(self, x: int, count: int, end: int, pen: Pen) -> None:
        """Delete cells at `x`; the cells up to `end` move left, and blanks come in there."""
        self.blank_across(pen, x, x + count, end)
        del self[x : x + count]
        self[end - count : end - count] = [pen.space] * count
        if end < len(self) or pen.space is not self.rest:
            self.used = len(self)
        self.styled = self.styled or pen is not DEFAULT
        self._settle_last()

    def _settle_last(self) -> None:
        """After cells were moved. A grapheme that U+FE0E has made narrow cannot be written to the last column, where
        its base does not fit; moved there it becomes a blank."""
        if self.wide and text_presentation(self[-1].data):
            self[-1] = self[-1].pen.space

    def reset_hints(self) -> None:
        """After cells were moved: forget the hints."""
        self.used = len(self)
        self.rest = BLANK
        self.styled = self.wide = True
        self._settle_last()

    def trimmed(self) -> list[Cell]:
        """The cells without the default blanks at the end."""
        end = self.used if self.rest is BLANK else len(self)
        while end and self[end - 1] == BLANK:
            end -= 1
        return self[:end]

    def ends_in_spacer(self, following: Row | None) -> bool:
        """Whether the last cell is there only because the wide character that `following` begins with did not fit."""
        return self.spacer and following is not None and following.wrapped and is_spacer(self[-1], following)

    def line_part(self, following: Row | None) -> list[Cell]:
        """The cells as a part of the logical line, where `following` is the next row."""
        if following is None or not following.wrapped:
            return self.trimmed()
        return self[:-1] if self.ends_in_spacer(following) else self[:]

    def write(self, encoder: Encoder) -> None:
        """Write all cells."""
        encoder.cells(self[: self.used])
        encoder.run(self.rest, len(self) - self.used)

    def encoded(self) -> str:
        """The text of the cells without the default blanks at the end (see `cell`)."""
        if self.line is not None:
            return self.line
        if self.rest is not BLANK and self.used < len(self):
            encoder = Encoder()
            self.write(encoder)
            text = str(encoder)
        elif not self.styled and (text := "".join(map(data_of, self[: self.used]))).isascii():
            text = text.rstrip(" ")
        else:
            text = encode(self.trimmed())
        if self.shared:
            self.line = text
        return text


@lru_cache(64)
def blank(pen: Pen, columns: int, wrapped: bool = False) -> Row:
    """The row that erasing with `pen` leaves, shared by all that need it: to erase a screen costs no cells."""
    row = Row(columns, pen)
    row.wrapped, row.shared = wrapped, True
    return row


@lru_cache(64)
def uniform(pen: Pen, grapheme: str, width: int, columns: int, wrapped: bool = False, last: Cell | None = None) -> Row:
    """The row full of one grapheme, shared like a blank one. Where the last column has no room, it is a spacer, or
    `last`."""
    row = Row(columns, pen.erased)
    count = columns // width
    row[: count * width] = [pen.cell(grapheme), pen.stub][:width] * count
    if grapheme.isascii() and row[0] != BLANK:
        row.rest, row.used = row[0], 0
    else:
        row.rest, row.used = BLANK, columns
    row.styled = pen is not DEFAULT
    row.wide = width > 1
    row.spacer = count * width < columns
    if row.spacer and last is not None:
        row[-1], row.spacer = last, False
    row.wrapped, row.shared = wrapped, True
    return row


def is_spacer(cell: Cell, following: Row) -> bool:
    """Whether wrapping before the first character of `following` leaves this cell behind."""
    if len(following) < 2 or cell.data != " " or (following[1].data and not text_presentation(following[0].data)):
        return False
    return cell.pen.style == following[0].pen.erased.style


def logical_lines(rows: Sequence[Row]) -> list[list[Cell]]:
    """The cells of each logical line; the first row begins one, whatever came before it."""
    lines: list[list[Cell]] = []
    for y, row in enumerate(rows):
        part = row.line_part(rows[y + 1] if y + 1 < len(rows) else None)
        if y and row.wrapped:
            lines[-1] += part
        else:
            lines.append(part)
    return lines
