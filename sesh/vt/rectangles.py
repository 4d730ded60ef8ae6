"""Rectangles (DEC STD 070, XTerm ctlseqs): DECCRA copies one, DECFRA fills one, DECERA and DECSERA erase one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sesh.vt.cell import Cell
from sesh.vt.edit import Editing

Rectangle = tuple[int, int, int, int]
"""First row, first column, end row, end column, the ends exclusive; from 0."""


class Rectangles(Editing):
    """Copying, filling and erasing rectangles; the cursor stays, and so does a pending wrap."""

    def copy_rectangle(
        self,
        top: int = 0,
        left: int = 0,
        bottom: int = 0,
        right: int = 0,
        _page: int = 0,
        to_top: int = 0,
        to_left: int = 0,
        _to_page: int = 0,
    ) -> None:
        """DECCRA; what would lie outside the screen is lost. There is one page."""
        source, target = self._rectangle(top, left, bottom, right), self._rectangle(to_top, to_left)
        if source is None or target is None:
            return
        first, start, last, end = source
        y, x, bottom_row, edge = target
        self.touched += (last - first) * (end - start)
        blocks = [
            row.part(start, min(end, start + edge - x)) for row in self.rows[first : min(last, first + bottom_row - y)]
        ]
        for target_row, block in enumerate(blocks, y):
            self._replace(target_row, x, block)

    def fill_rectangle(self, code: int = 0, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECFRA: with a character of Latin-1, in the pen."""
        if 32 <= code <= 126 or 160 <= code <= 255:
            fill = partial(self._fill_row, self.pen.cell(chr(code)))
            self._change_rectangle(self._rectangle(top, left, bottom, right), fill)

    def erase_rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECERA: as ED and EL erase."""
        self._change_rectangle(self._rectangle(top, left, bottom, right), partial(self._fill_row, self.erased.space))

    def wipe_rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECSERA: the characters only. No cell is protected here, so that it erases all of them."""
        self._change_rectangle(self._rectangle(top, left, bottom, right), self._wipe_row)

    def _rectangle(self, top: int, left: int, bottom: int = 0, right: int = 0) -> Rectangle | None:
        """A rectangle from parameters that count from 1, in origin mode from the margins, which then bound it; None if
        it has no row or no column."""
        first, start, last, end = 0, 0, self.lines, self.columns
        if self.origin:
            first, start, last, end = self.top, self.left, self.bottom + 1, self.right + 1
        y, x = first + (top or 1) - 1, start + (left or 1) - 1
        last = min(first + bottom, last) if bottom else last
        end = min(start + right, end) if right else end
        return (y, x, last, end) if y < last and x < end else None

    def _change_rectangle(self, rectangle: Rectangle | None, change: Callable[[int, int, int], None]) -> None:
        """Call `change(y, start, end)` for each row of the rectangle."""
        if rectangle is None:
            return
        first, start, last, end = rectangle
        self.touched += (last - first) * (end - start)

        def change_row(y: int) -> None:
            change(y, start, end)
            self.rows[y].spacer = False

        self._change_rows(first, last, change_row)

    def _fill_row(self, cell: Cell, y: int, start: int, end: int) -> None:
        """Put `cell` into columns of a row."""
        row = self.unshared_row(y)
        if row.as_text():
            row.blank_across(self.erased, start, end)
            row.put(start, cell.data * (end - start), cell.pen)
        else:
            self._replace(y, start, [cell] * (end - start))

    def _wipe_row(self, y: int, start: int, end: int) -> None:
        """Blank columns of a row; their pens stay."""
        row = self.unshared_row(y)
        if row.rest.data == " " and row.as_text():
            row.blank_halves_outside(start, end, self.erased)
            text = row.text or ""
            end = min(end, len(text))
            if start < end:
                row.text = text[:start] + " " * (end - start) + text[end:]
                row.stale = True
        else:
            self._replace(y, start, [cell.pen.space for cell in row.part(start, end)])

    def _replace(self, y: int, x: int, cells: list[Cell]) -> None:
        row = self.own_row(y)
        row.blank_across(self.erased, x, x + len(cells))
        row[x : x + len(cells)] = cells
        row.reset_hints()
