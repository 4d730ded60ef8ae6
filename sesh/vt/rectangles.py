"""Rectangles (DEC STD 070, XTerm ctlseqs): DECCRA copies one, DECFRA fills one, DECERA and DECSERA erase one."""

from __future__ import annotations

from sesh.vt.edit import Editing
from sesh.vt.pen import Pen
from sesh.vt.row import Row

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
        rows = self.rows[first : min(last, first + bottom_row - y)]
        blocks = [row.part(start, min(end, start + edge - x)) for row in rows]
        for row, block in zip(self.rows[y:], blocks, strict=False):
            row.replace(x, block, self.erased)

    def fill_rectangle(self, code: int = 0, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECFRA: with a character of Latin-1, in the pen."""
        if 32 <= code <= 126 or 160 <= code <= 255:
            self._fill(self._rectangle(top, left, bottom, right), chr(code), self.pen)

    def erase_rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECERA: as ED and EL erase."""
        self._fill(self._rectangle(top, left, bottom, right), " ", self.erased)

    def wipe_rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECSERA: the characters only. No cell is protected here, so that it erases all of them."""
        if rectangle := self._rectangle(top, left, bottom, right):
            first, start, last, end = rectangle
            for row in self.rows[first:last]:
                row.replace(start, Row([" "] * (end - start), row.pens[start:end]), self.erased)

    def _rectangle(self, top: int, left: int, bottom: int = 0, right: int = 0) -> Rectangle | None:
        """Return a rectangle from parameters that count from 1; None if it has no row or no column.

        In origin mode they count from the margins, which then bound it.
        """
        first, start, last, end = 0, 0, self.lines, self.columns
        if self.origin:
            first, start, last, end = self.top, self.left, self.bottom + 1, self.right + 1
        y, x = first + (top or 1) - 1, start + (left or 1) - 1
        last = min(first + bottom, last) if bottom else last
        end = min(start + right, end) if right else end
        return (y, x, last, end) if y < last and x < end else None

    def _fill(self, rectangle: Rectangle | None, grapheme: str, pen: Pen) -> None:
        if rectangle:
            first, start, last, end = rectangle
            for row in self.rows[first:last]:
                row.replace(start, Row([grapheme] * (end - start), [pen] * (end - start)), self.erased)
