"""A logical line at some width: where its rows begin, and its rows, as far as they are wanted."""

from __future__ import annotations

from collections.abc import Sequence

from sesh.vt import marks as prompt_marks
from sesh.vt.cell import BLANK, Cell, Encoder, data_of
from sesh.vt.graphemes import text_presentation
from sesh.vt.row import Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.marks import Mark, Marks


class Wrapped:
    """A logical line wrapped at `columns`: where its rows begin, without the rows themselves."""

    __slots__ = ("_marks", "cells", "columns", "starts")

    def __init__(self, cells: list[Cell], columns: int, marks: Sequence[Mark] = ()) -> None:
        self.columns, self._marks = columns, marks
        self.cells = _narrowed(cells) if columns == 1 else cells
        self.starts = _starts(self.cells, columns)

    @property
    def rows(self) -> int:
        """Number of rows that it takes."""
        return len(self.starts)

    def end(self, row: int) -> int:
        """Return the end of a row."""
        return self.starts[row + 1] if row + 1 < len(self.starts) else len(self.cells)

    def spacer(self, row: int) -> Cell | None:
        """Return the cell in the last column of a row that is there because the next character did not fit there."""
        end = self.end(row)
        return (
            self.cells[end].pen.erased.space if row + 1 < self.rows and end - self.starts[row] < self.columns else None
        )

    def text(self, first: int, last: int) -> list[Cell]:
        """The cells of the rows from `first` up to `last`, without default blanks at the end of the line."""
        start = self.starts[first]
        cells = self.cells[start : self.end(last - 1)]
        if last == self.rows:
            least = self.starts[last - 1] - start
            while len(cells) > least and cells[-1] == BLANK:
                cells.pop()
        return cells

    def write(self, encoder: Encoder, first: int, last: int) -> None:
        """Write the rows from `first` up to `last`, with their marks."""
        prompt_marks.write(encoder, self.text(first, last), self._marks_of(first, last))

    def _marks_of(self, first: int, last: int) -> Marks:
        """The marks in the rows from `first` up to `last`, counted from their first cell. One between two rows belongs
        to the first of them."""
        if not self._marks:
            return ()
        start, end = self.starts[first], self.end(last - 1)
        most = self.starts[last - 1] - start + self.columns
        return tuple(
            (min(cell - start, most), body)
            for cell, body in self._marks
            if (cell > start or not first) and (cell <= end or last == self.rows)
        )

    def made(self, first: int, last: int) -> list[Row]:
        """The rows from `first` up to `last`."""
        rows = []
        for index in range(first, min(last, self.rows)):
            row = Row(self.columns)
            cells = self.cells[self.starts[index] : self.end(index)]
            row[: len(cells)] = cells
            row.used = len(cells)
            row.styled = row.wide = True
            spacer = self.spacer(index)
            if spacer is not None:
                row[-1] = spacer
                row.spacer = True
                row.used = self.columns
            row.wrapped = index > 0
            row.marks = self._marks_of(index, index + 1)
            rows.append(row)
        return rows


def _narrowed(cells: list[Cell]) -> list[Cell]:
    """Cells for rows of one column: what needs two becomes a blank."""
    text = "".join(map(data_of, cells))
    if len(text) == len(cells) and text.isascii():
        return cells
    followed = [*map(data_of, cells[1:]), " "]
    return [
        cell if after and (len(cell.data) == 1 or not text_presentation(cell.data)) else cell.pen.space
        for cell, after in zip(cells, followed, strict=True)
        if cell.data
    ]


def _starts(cells: list[Cell], columns: int) -> Sequence[int]:
    """Return the starts of a line's rows. A wide character is not cut, and one that U+FE0E has made narrow is written
    like a wide one: it does not fit into the last column."""
    text = "".join(map(data_of, cells))
    if len(cells) <= columns and not text_presentation(cells[-1].data if len(cells) == columns > 1 else ""):
        return (0,)
    if columns == 1 or (len(text) == len(cells) and text.isascii()):
        return range(0, len(cells), columns)
    starts = [0]
    start = 0
    while True:
        end = min(start + columns, len(cells))
        if (end < len(cells) and not cells[end].data) or (
            end - start == columns and text_presentation(cells[end - 1].data)
        ):
            end -= 1
        if end >= len(cells):
            return starts
        starts.append(end)
        start = end
