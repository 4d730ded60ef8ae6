"""Scrolling and editing of rows: margins, line feeds, ED, EL, ECH, ICH, DCH (ECMA-48), DECIC, DECDC, DECALN.

Rows that leave the top of the main screen go to the scrollback if the region begins at the first row and is as wide as
the screen, as in xterm, kitty and VTE. Rows that scroll within an inner region or on the alternate screen are lost.
"""

from __future__ import annotations

from typing import Any

from sesh.vt.cell import DEFAULT
from sesh.vt.grid import Grid, Margins
from sesh.vt.row import Row


class Scrolling(Grid):
    """Margins (DECSTBM, DECSLRM), IND, RI, NEL, SU, SD, IL, DL."""

    def set_margins(self, top: int | None = None, bottom: int | None = None, *_: Any) -> None:
        """DECSTBM: 1-based; ignored for fewer than two rows; the cursor goes home."""
        first = max((top or 1) - 1, 0)
        last = min((bottom or self.lines) - 1, self.lines - 1)
        if first >= last:
            return
        self.top, self.bottom = first, last
        self.margins = None if (first, last) == (0, self.lines - 1) else Margins(first, last)
        self.cursor_position()

    def set_left_right_margins(self, left: int = 0, right: int = 0) -> None:
        """DECSLRM: 1-based; ignored for fewer than two columns; the cursor goes home."""
        first = max((left or 1) - 1, 0)
        last = min((right or self.columns) - 1, self.columns - 1)
        if first >= last:
            return
        self.set_left_right(first, last)
        self.cursor_position()

    # -- line feeds ---------------------------------------------------------------------------------------

    def index(self, wrapped: bool | None = None) -> None:
        """IND: down one row, scrolling at the bottom margin. `wrapped`: whether the row below goes on with this line;
        None leaves that as it is."""
        cursor = self.cursor
        if cursor.x >= self.columns or self.margin_wrap is not None:
            self.cancel_wrap()
        y = cursor.y
        if y == self.bottom:
            if not self.narrow:
                self.scroll_row(bool(wrapped))
            elif self.left <= cursor.x <= self.right:
                self.scroll_up(1)
        elif y < self.lines - 1:
            cursor.y = y = y + 1
            if wrapped is not None:
                self.buffer[y].wrapped = wrapped

    def reverse_index(self) -> None:
        """RI: up one row, scrolling at the top margin."""
        self.cancel_wrap()
        if self.cursor.y == self.top:
            if self.left <= self.cursor.x <= self.right:
                self.scroll_down(1)
        elif self.cursor.y > 0:
            self.cursor.y -= 1

    def linefeed(self) -> None:
        """LF, VT, FF; in new line mode (LNM) with a carriage return."""
        self.index(wrapped=False)
        if self.linefeed_mode:
            self.carriage_return()

    def next_line(self) -> None:
        """NEL: carriage return and line feed."""
        self.index()
        self.carriage_return()

    def newline(self) -> None:
        """CR and LF at once, the most frequent pair."""
        if self.narrow:
            self.carriage_return()
            self.index(wrapped=False)
            return
        cursor = self.cursor
        cursor.x = 0
        y = cursor.y
        if y == self.bottom:
            self.scroll_row()
        elif y < self.lines - 1:
            cursor.y = y = y + 1
            self.buffer[y].wrapped = False

    def scroll_row(self, wrapped: bool = False) -> None:
        """The region up by one row; the row that leaves it goes to the scrollback if it can. `wrapped`: the row that
        comes in goes on with the line of the row above."""
        buffer = self.buffer
        top = self.top
        row = buffer.pop(top)
        if top == 0 and self.main is None:
            continued = wrapped if self.bottom == 0 else buffer[0].wrapped if buffer else False
            still_open = self.scrollback.push(row, continued, buffer[0] if buffer else None)
            if self.bottom == 0:
                wrapped = wrapped and still_open
        elif top == self.bottom:
            wrapped = False  # the row above is not the one that it would go on with
        else:
            buffer[top].wrapped = False
        if self.bottom + 1 < self.lines:
            buffer[self.bottom].wrapped = False
        row.clear(self.pen.erased)
        row.wrapped = wrapped
        buffer.insert(self.bottom, row)

    # -- moving rows within the region --------------------------------------------------------------------

    def scroll_up(self, count: int = 1) -> None:
        """SU, and scrolling at the bottom margin."""
        count = min(count or 1, self.bottom - self.top + 1)
        if self.narrow:
            self._shift_block(self.top, count)
            return
        for _ in range(count):
            self.scroll_row()

    def scroll_down(self, count: int = 1) -> None:
        """SD, and scrolling at the top margin."""
        self._open_rows(self.top, count or 1)

    def insert_lines(self, count: int | None = None) -> None:
        """IL: only within the region; the cursor goes to the left margin."""
        if self._in_region():
            self._open_rows(self.cursor.y, count or 1)
            self.move_to(self.cursor.y, self.left)

    def delete_lines(self, count: int | None = None) -> None:
        """DL: only within the region; the cursor goes to the left margin. Nothing goes to the scrollback."""
        if self._in_region():
            y = self.cursor.y
            count = min(count or 1, self.bottom - y + 1)
            if self.narrow:
                self._shift_block(y, count)
            else:
                for _ in range(count):
                    row = self.buffer.pop(y)
                    row.clear(self.erased)
                    self.buffer.insert(self.bottom, row)
                self._break_lines(y)
            self.move_to(y, self.left)

    def _in_region(self) -> bool:
        """Whether the cursor is within the margins; a pending wrap is cancelled."""
        self.cancel_wrap()
        return self.top <= self.cursor.y <= self.bottom and self.left <= self.cursor.x <= self.right

    def _break_lines(self, y: int) -> None:
        """Row `y` no longer goes on with the row above it, nor the row below the region with the region."""
        self.buffer[y].wrapped = False
        if self.bottom + 1 < self.lines:
            self.buffer[self.bottom + 1].wrapped = False

    def _open_rows(self, y: int, count: int) -> None:
        """Blank rows at `y`; the rows that they push past the bottom margin are lost."""
        count = min(count, self.bottom - y + 1)
        if self.narrow:
            self._shift_block(y, -count)
            return
        for _ in range(count):
            row = self.buffer.pop(self.bottom)
            row.clear(self.erased)
            self.buffer.insert(y, row)
        if y + count < self.lines:
            self.buffer[y + count].wrapped = False
        self._break_lines(y)

    def _shift_block(self, y: int, count: int) -> None:
        """Move the cells between the left and right margin, from row `y` to the bottom margin, up by `count` rows."""
        left, right = self.left, self.right + 1
        rows = self.buffer[y : self.bottom + 1]
        erased = self.erased
        blank = [erased.space] * (right - left)
        for row in rows:
            row.blank_across(erased, left, right)
        blocks = [row[left:right] for row in rows]
        if count > 0:
            blocks = blocks[count:] + [blank] * count
        else:
            blocks = [blank] * -count + blocks[:count]
        for row, block in zip(rows, blocks, strict=True):
            row[left:right] = block
            row.reset_hints()
            row.wrapped = False


class Editing(Scrolling):
    """Erasing, inserting and deleting cells. Erased cells keep the background of the pen and nothing else (BCE)."""

    def erase_in_line(self, how: int = 0, *_: Any, **__: Any) -> None:
        """EL, DECSEL: 0 from the cursor, 1 up to it, 2 the row. With a wrap pending, the cursor is behind all cells."""
        row = self.buffer[self.cursor.y]
        x = self.cursor.x
        if how == 0:
            row.fill(x, self.columns, self.erased)
            if x == 0:
                row.wrapped = False
        elif how == 1:
            row.fill(0, min(x + 1, self.columns), self.erased)
        elif how == 2:
            row.clear(self.erased)

    def erase_in_display(self, how: int = 0, *_: Any, **__: Any) -> None:
        """ED, DECSED: 0 below, 1 above, 2 all, 3 the scrollback (XTerm)."""
        y = self.cursor.y
        if how == 0:
            self.erase_in_line(0)
            for row in self.buffer[y + 1 :]:
                row.clear(self.erased)
        elif how == 1:
            for row in self.buffer[:y]:
                row.clear(self.erased)
            self.buffer[y].fill(0, min(self.cursor.x + 1, self.columns), self.erased)
            self.buffer[y].wrapped = False
            if self.cursor.x + 1 >= self.columns and y + 1 < self.lines:
                self.buffer[y + 1].wrapped = False
        elif how == 2:
            for row in self.buffer:
                row.clear(self.erased)
        elif how == 3:
            self.scrollback.clear()
            self.main_rows[0].wrapped = False

    def erase_characters(self, count: int | None = None) -> None:
        """ECH."""
        self.cancel_wrap()
        x = self.cursor.x
        self.buffer[self.cursor.y].fill(x, min(x + (count or 1), self.columns), self.erased)

    def insert_characters(self, count: int | None = None) -> None:
        """ICH: cells pushed past the right margin are lost."""
        self.cancel_wrap()
        x = self.cursor.x
        if self.left <= x <= self.right:
            self.insert_cells(self.buffer[self.cursor.y], x, count or 1)

    def insert_cells(self, row: Row, x: int, count: int) -> None:
        """Insert blank cells at `x`; the cells up to the right margin move right."""
        end = self.right + 1
        count = min(count, end - x)
        erased = self.erased
        row.blank_across(erased, x, end - count, end)
        row[x:end] = [erased.space] * count + row[x : end - count]
        row.reset_hints()

    def delete_characters(self, count: int | None = None) -> None:
        """DCH: blanks come in at the right margin."""
        self.cancel_wrap()
        x = self.cursor.x
        if self.left <= x <= self.right:
            self.delete_cells(self.buffer[self.cursor.y], x, count or 1)

    def delete_cells(self, row: Row, x: int, count: int) -> None:
        """Delete cells at `x`; the cells up to the right margin move left."""
        end = self.right + 1
        count = min(count, end - x)
        erased = self.erased
        row.blank_across(erased, x, x + count, end)
        row[x:end] = row[x + count : end] + [erased.space] * count
        row.reset_hints()

    def insert_columns(self, count: int = 1) -> None:
        """DECIC: as ICH, in all rows of the region."""
        if self._in_region():
            for row in self.buffer[self.top : self.bottom + 1]:
                self.insert_cells(row, self.cursor.x, count or 1)

    def delete_columns(self, count: int = 1) -> None:
        """DECDC: as DCH, in all rows of the region."""
        if self._in_region():
            for row in self.buffer[self.top : self.bottom + 1]:
                self.delete_cells(row, self.cursor.x, count or 1)

    def back_index(self) -> None:
        """DECBI: left one column; from the left margin, the content moves right instead."""
        self.cancel_wrap()
        if self.cursor.x == self.left and self._in_region():
            self.insert_columns(1)
        elif self.cursor.x > 0:
            self.cursor.x -= 1

    def forward_index(self) -> None:
        """DECFI: right one column; from the right margin, the content moves left instead."""
        self.cancel_wrap()
        if self.cursor.x == self.right and self._in_region():
            x, self.cursor.x = self.cursor.x, self.left
            self.delete_columns(1)
            self.cursor.x = x
        elif self.cursor.x < self.columns - 1:
            self.cursor.x += 1

    def alignment_display(self) -> None:
        """DECALN: the screen full of E, no margins, the cursor at home."""
        self.clear_margins()
        self.move_to(0, 0)
        for row in self.buffer:
            row.clear(DEFAULT)
            row[:] = [DEFAULT.cell("E")] * self.columns
            row.used = self.columns
