"""Scrolling and editing of rows (ECMA-48), and of columns and rectangles (DEC).

Rows that leave the top of the main screen go to the scrollback if the region begins at the first row and is as wide as
the screen, as in xterm, kitty and VTE. Rows that leave any other region, or the alternate screen, are lost.
"""

from __future__ import annotations

from sesh.vt.moves import Moves
from sesh.vt.pen import DEFAULT, Pen
from sesh.vt.row import Row, blank


class Editing(Moves):
    """Line feeds, scrolling, erasing, inserting, deleting; rectangles, which change neither cursor nor pending wrap."""

    def reset(self) -> None:
        super().reset()
        self.linefeed_mode = False

    def index(self, continues: bool | None = None) -> None:
        """IND: move down one row; at the bottom margin, scroll.

        `continues`: whether the row below continues this line; None leaves that row's own value.
        """
        self.cancel_wrap()
        cursor = self.cursor
        if cursor.y == self.bottom:
            if not self.narrow:
                self._scroll_row(bool(continues))
            elif self.left <= cursor.x <= self.right:
                self.scroll_up(1)
        elif cursor.y < self.height - 1:
            cursor.y += 1
            if continues is not None:
                row = self.rows[cursor.y]
                row.continues = continues
                row.prompt = row.prompt and not continues

    def reverse_index(self) -> None:
        """RI: move up one row; at the top margin, scroll."""
        self.cancel_wrap()
        if self.cursor.y == self.top:
            if self.left <= self.cursor.x <= self.right:
                self.scroll_down(1)
        elif self.cursor.y > 0:
            self.cursor.y -= 1

    def linefeed(self) -> None:
        """LF, VT, FF; in new line mode (LNM) with a carriage return."""
        self.index(continues=False)
        if self.linefeed_mode:
            self.carriage_return()

    def next_line(self) -> None:
        """NEL: carriage return and line feed."""
        self.index()
        self.carriage_return()

    def _scroll_row(self, continues: bool = False) -> None:
        """Scroll the region up by one row. `continues`: the new row continues the line above."""
        top, bottom = self.top, self.bottom
        rows = self.rows
        rows.insert(bottom + 1, blank(self.columns, self.pen.erased, continues=continues))
        row = rows.pop(top)
        goes_on = rows[top].continues
        rows[top].continues = top == 0 and not self.alternate and self.scrollback.push(row, goes_on)
        if bottom + 1 < self.height:
            rows[bottom + 1].continues = False

    def scroll_up(self, count: int = 1) -> None:
        """SU, and scrolling at the bottom margin."""
        count = min(count or 1, self.bottom - self.top + 1)
        if self.narrow:
            self._shift_rows(self.top, count)
            return
        for _ in range(count):
            self._scroll_row()

    def scroll_down(self, count: int = 1) -> None:
        """SD, and scrolling at the top margin."""
        self._shift_rows(self.top, -(count or 1))

    def insert_lines(self, count: int | None = None) -> None:
        """IL: works only within the region; the cursor goes to the left margin."""
        if self._in_region():
            self._shift_rows(self.cursor.y, -(count or 1))
            self.move_to(self.cursor.y, self.left)

    def delete_lines(self, count: int | None = None) -> None:
        """DL: works only within the region; the cursor goes to the left margin."""
        if self._in_region():
            self._shift_rows(self.cursor.y, count or 1)
            self.move_to(self.cursor.y, self.left)

    def _in_region(self) -> bool:
        """Cancel a pending wrap; return whether the cursor is within the margins."""
        self.cancel_wrap()
        return self.top <= self.cursor.y <= self.bottom and self.left <= self.cursor.x <= self.right

    def _shift_rows(self, y: int, count: int) -> None:
        """Shift the region's rows, from `y` on, up by `count`, or down if negative."""
        size = min(abs(count), self.bottom - y + 1)
        if self.narrow:
            self._shift_block(y, size if count > 0 else -size)
            return
        rows = self.rows[y : self.bottom + 1]
        blanks = self.blank_rows(size, self.pen.erased)
        self.rows[y : self.bottom + 1] = rows[size:] + blanks if count > 0 else blanks + rows[:-size]
        # Neither the first moved row nor the row below the region continues a line any more.
        moved = y if count > 0 else y + size
        for first in (moved, self.bottom + 1):
            if first < self.height:
                self.rows[first].continues = False

    def _shift_block(self, y: int, count: int) -> None:
        left, right = self.left, self.right + 1
        erased = self.pen.erased
        rows = self.rows[y : self.bottom + 1]
        for row in rows:
            row.blank_across(erased, left, right)
        blocks = [row.cut(left, right) for row in rows]
        blanks = [blank(right - left, erased) for _ in range(abs(count))]
        blocks = blocks[count:] + blanks if count > 0 else blanks + blocks[:count]
        for row, block in zip(rows, blocks):
            row.replace(left, block, erased)
            row.continues = False

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """EL, DECSEL: erase 0 from the cursor on, 1 up to it, 2 the row."""
        row = self.rows[self.cursor.y]
        x = self.cursor.x  # after all cells while a wrap is pending
        if how == 0:
            row.fill(x, self.columns, self.pen.erased)
            row.continues = row.continues and x > 0
        elif how == 1:
            row.fill(0, min(x + 1, self.columns), self.pen.erased)
        elif how == 2:
            row.fill(0, self.columns, self.pen.erased)
            row.continues = False

    def erase_in_display(self, how: int = 0, *_: int, private: bool = False) -> None:
        """ED, DECSED: 0 erases from the cursor, 1 to it, 2 all, 3 scrollback (XTerm)."""
        y = self.cursor.y
        if how == 0:
            self.erase_in_line(0)
            self.rows[y + 1 :] = self.blank_rows(self.height - y - 1, self.pen.erased)
        elif how == 1:
            self.rows[:y] = self.blank_rows(y, self.pen.erased)
            self.erase_in_line(1)
            self.rows[y].continues = False
            if self.cursor.x + 1 >= self.columns and y + 1 < self.height:
                self.rows[y + 1].continues = False
        elif how == 2:
            self.rows = self.blank_rows(self.height, self.pen.erased)
        elif how == 3:
            self.scrollback.clear()
            self.main_rows[0].continues = False

    def erase_characters(self, count: int | None = None) -> None:
        """ECH."""
        self.cancel_wrap()
        x = self.cursor.x
        self.rows[self.cursor.y].fill(x, min(x + (count or 1), self.columns), self.pen.erased)

    def insert_characters(self, count: int | None = None) -> None:
        """ICH: cells pushed past the right margin are lost."""
        self._shift_characters(count or 1)

    def delete_characters(self, count: int | None = None) -> None:
        """DCH: blanks come in at the right margin."""
        self._shift_characters(-(count or 1))

    def _shift_characters(self, count: int) -> None:
        self.cancel_wrap()
        if self.left <= self.cursor.x <= self.right:
            self.shift_cells(self.rows[self.cursor.y], self.cursor.x, count)

    def shift_cells(self, row: Row, x: int, count: int) -> None:
        """Shift the cells from `x` to the right margin by `count`, left if negative."""
        row.shift(x, count, self.right + 1, self.pen.erased)

    def insert_columns(self, count: int = 1) -> None:
        """DECIC: as ICH, in all rows of the region."""
        if self._in_region():
            self._shift_columns(self.cursor.x, count or 1)

    def delete_columns(self, count: int = 1) -> None:
        """DECDC: as DCH, in all rows of the region."""
        if self._in_region():
            self._shift_columns(self.cursor.x, -(count or 1))

    def scroll_left(self, count: int = 1) -> None:
        """SL: move the region's content to the left; the cursor stays."""
        self._shift_columns(self.left, -(count or 1))

    def scroll_right(self, count: int = 1) -> None:
        """SR: move the region's content to the right; the cursor stays."""
        self._shift_columns(self.left, count or 1)

    def _shift_columns(self, x: int, count: int) -> None:
        for row in self.rows[self.top : self.bottom + 1]:
            self.shift_cells(row, x, count)

    def back_index(self) -> None:
        """DECBI: move left one column; at the left margin, the content moves right instead."""
        self.cancel_wrap()
        if self.cursor.x == self.left and self._in_region():
            self.insert_columns(1)
        elif self.cursor.x > 0:
            self.cursor.x -= 1

    def forward_index(self) -> None:
        """DECFI: move right one column; at the right margin, the content moves left instead."""
        self.cancel_wrap()
        if self.cursor.x == self.right and self._in_region():
            self._shift_columns(self.left, -1)
        elif self.cursor.x < self.columns - 1:
            self.cursor.x += 1

    def alignment_display(self) -> None:
        """DECALN: fill the screen with E, reset the margins, and move the cursor home."""
        self.clear_margins()
        self.move_to(0, 0)
        self.rows = [Row(["E"] * self.columns, [DEFAULT] * self.columns) for _ in range(self.height)]

    def copy_rectangle(self, *parameters: int) -> None:
        """DECCRA: copy a rectangle; the part of the copy outside the screen is lost."""
        rows, columns = self._rectangle(*parameters[:4])
        to_rows, to_columns = self._rectangle(*parameters[5:7])  # the parameters 4 and 7, counted from 0, are pages
        columns = columns[: len(to_columns)]
        blocks = [self.rows[y].part(columns.start, columns.stop) for y in rows if columns]
        for y, block in zip(to_rows, blocks):
            self.rows[y].replace(to_columns.start, block, self.pen.erased)

    def fill_rectangle(self, code: int = 0, *corners: int) -> None:
        """DECFRA: fill with a character of Latin-1 in the current pen."""
        if 32 <= code <= 126 or 160 <= code <= 255:
            self._fill(chr(code), self.pen, corners)

    def erase_rectangle(self, *corners: int) -> None:
        """DECERA: erase as ED and EL do."""
        self._fill(" ", self.pen.erased, corners)

    def wipe_rectangle(self, *corners: int) -> None:
        """DECSERA: erase only the characters, in all cells, because protected cells do not exist here."""
        self._fill(" ", None, corners)

    def _fill(self, grapheme: str, pen: Pen | None, corners: tuple[int, ...]) -> None:
        """Fill a rectangle; without `pen` each cell keeps its pen."""
        rows, columns = self._rectangle(*corners)
        for row in [self.rows[y] for y in rows if columns]:
            pens = row.pens[columns.start : columns.stop] if pen is None else [pen] * len(columns)
            row.replace(columns.start, Row([grapheme] * len(columns), pens), self.pen.erased)

    def _rectangle(self, top: int = 0, left: int = 0, bottom: int = 0, right: int = 0) -> tuple[range, range]:
        """Return the rows and columns from 1-based parameters, in origin mode within the margins."""
        rows, columns = range(self.height), range(self.columns)
        if self.origin:
            rows, columns = rows[self.top : self.bottom + 1], columns[self.left : self.right + 1]
        return rows[(top or 1) - 1 : bottom or None], columns[(left or 1) - 1 : right or None]
