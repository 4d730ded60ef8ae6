"""A row of the screen, and the rows that make up a logical line."""

from __future__ import annotations

from collections.abc import Sequence

from sesh.vt.cell import BLANK, DEFAULT, Cell, Pen
from sesh.vt.graphemes import text_presentation


class Row(list[Cell]):
    """A row of cells, always as long as the screen is wide.

    wrapped: the row goes on with the logical line of the row above (xterm.js: isWrapped).
    spacer: the last cell may be there only because a wide character did not fit and wrapped (see `ends_in_spacer`).
    Hints for speed: from `used` on, all cells are default blanks; `styled`: cells may have other pens than the default;
    `wide`: there may be wide characters.
    """

    __slots__ = ("spacer", "styled", "used", "wide", "wrapped")

    def __init__(self, columns: int, pen: Pen = DEFAULT) -> None:
        super().__init__([pen.space] * columns)
        self.wrapped = False
        self.spacer = False
        self.wide = False
        self.styled = pen is not DEFAULT
        self.used = columns if self.styled else 0

    def clear(self, pen: Pen = DEFAULT) -> None:
        """Make it a blank row, as erasing with `pen` leaves it."""
        columns = len(self)
        if pen is DEFAULT:
            self[: self.used] = [BLANK] * self.used
            self.used = 0
            self.styled = False
        else:
            self[:] = [pen.space] * columns
            self.used = columns
            self.styled = True
        self.wrapped = self.spacer = self.wide = False

    def fill(self, start: int, end: int, pen: Pen) -> None:
        """Blank the cells from `start` up to `end` with `pen`, and what this leaves of wide characters at the edges."""
        if start >= end:
            return
        self.blank_halves_outside(start, end, pen)
        if pen is DEFAULT:
            end = min(end, self.used)
            if start < end:
                self[start:end] = [BLANK] * (end - start)
            if end == self.used and start < end:
                self.used = start
        else:
            self[start:end] = [pen.space] * (end - start)
            self.used = max(self.used, end)
            self.styled = True

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

    def reset_hints(self) -> None:
        """After cells were moved: forget the hints.

        A grapheme that U+FE0E has made narrow cannot be written to the last column, where its base does not fit; moved
        there it becomes a blank.
        """
        self.used = len(self)
        self.styled = self.wide = True
        if text_presentation(self[-1].data):
            self[-1] = self[-1].pen.space

    def trimmed(self) -> list[Cell]:
        """The cells without the default blanks at the end."""
        end = self.used
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
