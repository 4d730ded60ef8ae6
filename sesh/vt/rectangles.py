"""Rectangles (DEC STD 070, XTerm ctlseqs): DECCRA copies one, DECFRA fills one, DECERA and DECSERA erase one.

Rows and columns count from 1; in origin mode from the margins, which then bound them. A rectangle with no row or no
column is ignored. No cell is protected here, so DECSERA erases all characters; it leaves their attributes.
"""

from __future__ import annotations

from sesh.vt.cell import Cell
from sesh.vt.edit import Editing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

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
        self.touched += (last - first) * (end - start)
        blocks = [
            self._block(row, start, min(end, start + edge - x))
            for row in range(first, min(last, first + bottom_row - y))
        ]
        for target_row, block in enumerate(blocks, y):
            self._replace(target_row, x, block)

    def fill_rectangle(self, code: int = 0, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECFRA: with a character of Latin-1, in the pen."""
        if 32 <= code <= 126 or 160 <= code <= 255:
            self._change_rectangle(self._rectangle(top, left, bottom, right), self._fill_row, self.pen.cell(chr(code)))

    def erase_rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECERA: as ED and EL erase."""
        self._change_rectangle(self._rectangle(top, left, bottom, right), self._fill_row, self.erased.space)

    def wipe_rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> None:
        """DECSERA: the characters only."""
        self._change_rectangle(self._rectangle(top, left, bottom, right), self._wipe_row)

    def _rectangle(self, top: int, left: int, bottom: int = 0, right: int = 0) -> Rectangle | None:
        first, start, last, end = 0, 0, self.lines, self.columns
        if self.origin:
            first, start, last, end = self.top, self.left, self.bottom + 1, self.right + 1
        y, x = first + (top or 1) - 1, start + (left or 1) - 1
        last = min(first + bottom, last) if bottom else last
        end = min(start + right, end) if right else end
        return (y, x, last, end) if y < last and x < end else None

    def _change_rectangle(self, rectangle: Rectangle | None, change: Callable[..., None], *arguments: Cell) -> None:
        """Call `change(y, start, end, *arguments)` for each row of the rectangle, only once for a row that is in
        several places."""
        if rectangle is None:
            return
        first, start, last, end = rectangle
        self.touched += (last - first) * (end - start)
        changed: dict[int, Row] = {}
        for y in range(first, last):
            old = self.rows[y]
            if id(old) in changed:
                self.rows[y] = changed[id(old)]
                continue
            change(y, start, end, *arguments)
            new = self.rows[y]
            new.spacer = False
            if old.shared:
                new.settle()
                new.shared = True
                changed[id(old)] = new

    def _fill_row(self, y: int, start: int, end: int, cell: Cell) -> None:
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
            self._replace(y, start, [cell.pen.space for cell in self._block(y, start, end)])

    def _block(self, y: int, start: int, end: int) -> list[Cell]:
        """Cells of a row, with blanks for the half of a wide character at an edge."""
        row = self.rows[y]
        row.settle()
        cells = row[start:end]
        if cells and not cells[0].data:
            cells[0] = cells[0].pen.space
        if end < len(row) and not row[end].data:
            cells[-1] = cells[-1].pen.space
        return cells

    def _replace(self, y: int, x: int, cells: list[Cell]) -> None:
        row = self.own_row(y)
        row.blank_across(self.erased, x, x + len(cells))
        row[x : x + len(cells)] = cells
        row.reset_hints()
