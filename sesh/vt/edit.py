"""Scrolling and editing of rows: margins, line feeds, ED, EL, ECH, ICH, DCH (ECMA-48), DECIC, DECDC, DECALN.

Rows that leave the top of the main screen go to the scrollback if the region begins at the first row and is as wide as
the screen, as in xterm, kitty and VTE. Rows that scroll within an inner region or on the alternate screen are lost.
"""

from __future__ import annotations

from collections.abc import Callable

from sesh.vt.cell import DEFAULT
from sesh.vt.grid import Grid
from sesh.vt.row import Row, blank, uniform


class Editing(Grid):
    """Margins, line feeds, scrolling, erasing, inserting and deleting.

    Erased cells keep the background of the pen and nothing else (BCE).
    """

    def set_region(self, top: int, bottom: int) -> None:
        """DECSTBM: rows from 0; the cursor goes home."""
        self.top, self.bottom = top, bottom
        if self.origin:
            self.cursor_position()
        else:
            self.cursor.x = self.cursor.y = 0
            self.margin_wrap = None

    def set_left_right_margins(self, left: int = 0, right: int = 0) -> None:
        """DECSLRM: 1-based; ignored for fewer than two columns; the cursor goes home."""
        first = max((left or 1) - 1, 0)
        last = min((right or self.columns) - 1, self.columns - 1)
        if first < last:
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
                self.set_wrapped(y, wrapped)

    def index_times(self, count: int) -> None:
        """IND `count` times: row by row down to the bottom margin, then the rest at once."""
        self.touched += count * self.columns
        y, below = self.cursor.y, self.bottom if self.cursor.y <= self.bottom else self.lines - 1
        steps = min(count, max(below - y, 1))  # at least one, which cancels a pending wrap
        for _ in range(steps):
            self.index()
        count -= steps
        if count <= 0 or self.cursor.y != self.bottom:
            return
        if self.narrow or self.top == self.bottom:
            for _ in range(min(count, self.bottom - self.top + 1) if self.narrow else count):
                self.index()
        else:
            self.scroll_rows(count, blank(self.erased, self.columns))

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
        cursor = self.cursor
        if cursor.y == self.bottom and cursor.x < self.columns and self.margin_wrap is None and not self.narrow:
            self.scroll_row()  # as `index` does it
        else:
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
            if self.rows[y].wrapped:
                self.unshared_row(y).wrapped = False

    def scroll_row(self, wrapped: bool = False) -> None:
        """Scroll the region up by one row. If the region begins at the top of the main screen, the row that leaves it
        goes to the scrollback. `wrapped`: the new row goes on with the line of the row above."""
        buffer = self.rows
        top, bottom = self.top, self.bottom
        row = buffer.pop(top)
        if top == 0 and self.main is None:
            if row.styled:  # it may have a pen for each cell
                self.touched += 4 * self.columns
            continued = wrapped if bottom == 0 else buffer[0].wrapped if buffer else False
            still_open = self.scrollback.push(row, continued)
            if bottom == 0:
                wrapped = wrapped and still_open
            if not still_open and buffer and buffer[0].wrapped:  # the scrollback has ended the line
                self.unshared_row(0).wrapped = False
        elif top == bottom:
            wrapped = False  # the row above is not the one that it would go on with
        elif buffer[top].wrapped:
            self.unshared_row(top).wrapped = False
        if bottom + 1 < self.lines and buffer[bottom].wrapped:
            self.unshared_row(bottom).wrapped = False
        if row.shared:
            row = blank(self.pen.erased, self.columns, wrapped)
        else:
            pen = self.pen
            row.clear(pen if pen is DEFAULT else pen.erased)
            row.wrapped = wrapped
        buffer.insert(bottom, row)

    def scroll_rows(self, count: int, row: Row) -> None:
        """Scroll a region of several rows up, as `scroll_row` does; the new rows are all `row`, a shared one."""
        self.touched += count * self.columns
        buffer, top = self.rows, self.top
        rows = buffer[top : self.bottom + 1] + [row] * count
        gone = rows[:count]
        buffer[top : self.bottom + 1] = rows[count:]
        if top == 0 and self.main is None:
            if not self.scrollback.push_rows(gone, buffer[0].wrapped):
                self.set_wrapped(0, False)
        else:
            self.set_wrapped(top, False)
        if self.bottom + 1 < self.lines:
            self.set_wrapped(self.bottom + 1, False)

    # -- moving rows within the region --------------------------------------------------------------------

    def scroll_up(self, count: int = 1) -> None:
        """SU, and scrolling at the bottom margin."""
        count = min(count or 1, self.bottom - self.top + 1)
        if self.narrow:
            self._shift_block(self.top, count)
            return
        if count == 1 or self.top == self.bottom:
            self.scroll_row()
        else:
            self.scroll_rows(count, blank(self.erased, self.columns))

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
                del self.rows[y : y + count]
                end = self.bottom + 1 - count
                self.rows[end:end] = self.blank_rows(count, self.erased)
                self._break_lines(y)
            self.move_to(y, self.left)

    def _in_region(self) -> bool:
        """Return whether the cursor is within the margins; a pending wrap is cancelled."""
        self.cancel_wrap()
        return self.top <= self.cursor.y <= self.bottom and self.left <= self.cursor.x <= self.right

    def _break_lines(self, y: int) -> None:
        """Make row `y` begin a line of its own, and the row below the region another."""
        self.set_wrapped(y, False)
        if self.bottom + 1 < self.lines:
            self.set_wrapped(self.bottom + 1, False)

    def _open_rows(self, y: int, count: int) -> None:
        """Insert blank rows at `y`; the rows that they push past the bottom margin are lost."""
        count = min(count, self.bottom - y + 1)
        if self.narrow:
            self._shift_block(y, -count)
            return
        end = self.bottom + 1
        del self.rows[end - count : end]
        self.rows[y:y] = self.blank_rows(count, self.erased)
        if y + count < self.lines:
            self.set_wrapped(y + count, False)
        self._break_lines(y)

    def _shift_block(self, y: int, count: int) -> None:
        """Move the cells between the left and right margin, from row `y` to the bottom margin, up by `count` rows, down
        if it is negative."""
        left, right = self.left, self.right + 1
        self.touched += (self.bottom + 1 - y) * self.columns
        rows = [self.own_row(index) for index in range(y, self.bottom + 1)]
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

    # -- cells --------------------------------------------------------------------------------------------

    def erase_in_line(self, how: int = 0, _: bool = False) -> None:
        """EL, DECSEL: 0 from the cursor, 1 up to it, 2 the row. With a wrap pending, the cursor is after all cells."""
        y, x = self.cursor.y, self.cursor.x
        if how == 2 or (how == 0 and x == 0 and not self.rows[y].spacer):  # a blank row has no `spacer` to keep
            marks = self.rows[y].marks
            self.rows[y] = blank(self.erased, self.columns)
            if marks:  # a shell marks a row, then erases it (zsh)
                self.unshared_row(y).marks = tuple(mark for mark in marks if mark[0] == 0)
        elif how == 0:
            row = self.rows[y]
            if row.shared:
                row = self.unshared_row(y)
            row.fill(x, self.columns, self.pen.erased)
            row.wrapped = row.wrapped and x > 0
        elif how == 1:
            self.unshared_row(y).fill(0, min(x + 1, self.columns), self.erased)

    def erase_in_display(self, how: int = 0) -> None:
        """ED, DECSED: 0 below, 1 above, 2 all, 3 the scrollback (XTerm)."""
        y = self.cursor.y
        if how == 0:
            self.erase_in_line(0)
            self.rows[y + 1 :] = self.blank_rows(self.lines - y - 1, self.erased)
        elif how == 1:
            self.rows[:y] = self.blank_rows(y, self.erased)
            row = self.unshared_row(y)
            row.fill(0, min(self.cursor.x + 1, self.columns), self.erased)
            row.wrapped = False
            if self.cursor.x + 1 >= self.columns and y + 1 < self.lines:
                self.set_wrapped(y + 1, False)
        elif how == 2:
            self.rows[:] = self.blank_rows(self.lines, self.erased)
        elif how == 3:
            self.scrollback.clear()
            self.set_continued(False)

    def erase_characters(self, count: int | None = None) -> None:
        """ECH."""
        self.cancel_wrap()
        x = self.cursor.x
        self.unshared_row(self.cursor.y).fill(x, min(x + (count or 1), self.columns), self.erased)

    def insert_characters(self, count: int | None = None) -> None:
        """ICH: cells pushed past the right margin are lost."""
        self._shift_characters(count or 1)

    def delete_characters(self, count: int | None = None) -> None:
        """DCH: blanks come in at the right margin."""
        self._shift_characters(-(count or 1))

    def _shift_characters(self, count: int) -> None:
        self.cancel_wrap()
        if self.left <= self.cursor.x <= self.right:
            self.shift_cells(self.cursor.y, self.cursor.x, count)

    def shift_cells(self, y: int, x: int, count: int) -> None:
        """Move the cells of row `y` from `x` up to the right margin right by `count`, left if it is negative."""
        self.own_row(y).shift(x, count, self.right + 1, self.erased)

    def insert_columns(self, count: int = 1) -> None:
        """DECIC: as ICH, in all rows of the region."""
        if self._in_region():
            self._shift_columns(self.cursor.x, count or 1)

    def delete_columns(self, count: int = 1) -> None:
        """DECDC: as DCH, in all rows of the region."""
        if self._in_region():
            self._shift_columns(self.cursor.x, -(count or 1))

    def scroll_left(self, count: int = 1) -> None:
        """SL: the region to the left; the cursor stays."""
        self._shift_columns(self.left, -(count or 1))

    def scroll_right(self, count: int = 1) -> None:
        """SR: the region to the right; the cursor stays."""
        self._shift_columns(self.left, count or 1)

    def _shift_columns(self, x: int, count: int) -> None:
        self.touched += (self.bottom + 1 - self.top) * self.columns
        self._change_rows(self.top, self.bottom + 1, lambda y: self.shift_cells(y, x, count))

    def _change_rows(self, first: int, last: int, change: Callable[[int], None]) -> None:
        """Call `change` for each of these rows, only once for a row that is in several places."""
        changed: dict[int, Row] = {}
        for y in range(first, last):
            old = self.rows[y]
            if id(old) in changed:
                self.rows[y] = changed[id(old)]
                continue
            change(y)
            if old.shared:
                new = changed[id(old)] = self.rows[y]
                new.settle()
                new.shared = True

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
        self.rows[:] = [uniform(DEFAULT, "E", 1, self.columns)] * self.lines
