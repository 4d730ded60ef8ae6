"""Rectangles (DEC STD 070, XTerm ctlseqs): DECCRA copies one, DECFRA fills one, DECERA and DECSERA erase one."""

from __future__ import annotations

from sesh.vt.edit import Editing
from sesh.vt.pen import Pen
from sesh.vt.row import Row

Rectangle = tuple[int, int, int, int]  # first row, first column, end row, end column; from 0, ends exclusive


class Rectangles(Editing):
    """Copying, filling and erasing rectangles; neither cursor nor pending wrap change."""

    def copy_rectangle(self, *parameters: int) -> None:
        """DECCRA: copy a rectangle; the part of the copy outside the screen is lost.

        Parameters: four edges, a page, the target's first row and column, and its page. Pages are ignored.
        """
        source = self._rectangle(*parameters[:4])
        target = self._rectangle(*parameters[5:7])
        if source is None or target is None:
            return
        first, start, last, end = source
        y, x, bottom_row, edge = target
        rows = self.rows[first : min(last, first + bottom_row - y)]
        blocks = [row.part(start, min(end, start + edge - x)) for row in rows]
        for row, block in zip(self.rows[y:], blocks, strict=False):
            row.replace(x, block, self.erased)

    def fill_rectangle(self, code: int = 0, *corners: int) -> None:
        """DECFRA: fill with a character of Latin-1 in the current pen."""
        if 32 <= code <= 126 or 160 <= code <= 255:
            self._fill(chr(code), self.pen, corners)

    def erase_rectangle(self, *corners: int) -> None:
        """DECERA: erase as ED and EL do."""
        self._fill(" ", self.erased, corners)

    def wipe_rectangle(self, *corners: int) -> None:
        """DECSERA: erase only the characters, in all cells, because protected cells do not exist here."""
        self._fill(" ", None, corners)

    def _fill(self, grapheme: str, pen: Pen | None, corners: tuple[int, ...]) -> None:
        """Fill a rectangle; without `pen` each cell keeps its pen."""
        if rectangle := self._rectangle(*corners):
            first, start, last, end = rectangle
            for row in self.rows[first:last]:
                pens = row.pens[start:end] if pen is None else [pen] * (end - start)
                row.replace(start, Row([grapheme] * (end - start), pens), self.erased)

    def _rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> Rectangle | None:
        """Return a rectangle from 1-based parameters; None if it is empty.

        In origin mode the parameters are relative to the margins, and the rectangle is clipped to the margins.
        """
        first, start, last, end = 0, 0, self.lines, self.columns
        if self.origin:
            first, start, last, end = self.top, self.left, self.bottom + 1, self.right + 1
        y, x = first + (top or 1) - 1, start + (left or 1) - 1
        last = min(first + bottom, last) if bottom else last
        end = min(start + right, end) if right else end
        return (y, x, last, end) if y < last and x < end else None
