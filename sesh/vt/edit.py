"""Scrolling: margins, line feeds, and moving rows up and down within the region.

Rows that leave the top of the main screen go to the scrollback, whenever the region begins at the first row and
is as wide as the screen: so do xterm, kitty and VTE. Rows scrolled within an inner region, or on the alternate
screen, are gone.

Erasing, inserting and deleting (ECMA-48 ED, EL, ECH, ICH, DCH, and DEC's ICH and DCH of columns).
"""

from __future__ import annotations

from typing import Any

from sesh.vt.cell import DEFAULT
from sesh.vt.grid import Grid, Margins, Row


class Scroller(Grid):
    """Margins (DECSTBM, DECSLRM), IND, RI, NEL, SU, SD, IL, DL."""

    def set_margins(self, top: int | None = None, bottom: int | None = None, *_: Any) -> None:
        """DECSTBM: 1-based; a region of fewer than two rows is ignored; the cursor goes home."""
        first = max((top or 1) - 1, 0)
        last = min((bottom or self.lines) - 1, self.lines - 1)
        if first >= last:
            return
        self.top, self.bottom = first, last
        self._note_margins()
        self.cursor_position()

    def set_side_margins(self, left: int = 0, right: int = 0) -> None:
        """DECSLRM: 1-based; the cursor goes home."""
        first = max((left or 1) - 1, 0)
        last = min((right or self.columns) - 1, self.columns - 1)
        if first >= last:
            return
        self.set_sides(first, last)
        self.cursor_position()

    def _note_margins(self) -> None:
        full = self.top == 0 and self.bottom == self.lines - 1
        self.margins = None if full else Margins(self.top, self.bottom)

    def clear_margins(self) -> None:
        """The whole screen scrolls; the cursor stays."""
        self.top, self.bottom = 0, self.lines - 1
        self.set_sides(0, self.columns - 1)
        self.margins = None
        self.held = None

    # -- line feeds ---------------------------------------------------------------------------------------

    def index(self, continues: bool | None = None) -> None:
        """IND: down one row, scrolling at the bottom margin. `continues`: the row below goes on with this line, or
        is the start of another."""
        cursor = self.cursor
        if cursor.x >= self.columns or self.held is not None:
            self.settle()
        y = cursor.y
        if y == self.bottom:
            if not self.narrowed:
                self.scroll_row(bool(continues))
            elif self.left <= cursor.x <= self.right:
                self.scroll_up(1)
        elif y < self.lines - 1:
            cursor.y = y = y + 1
            if continues is not None:
                self.buffer[y].continues = continues

    def reverse_index(self) -> None:
        """RI: up one row, scrolling at the top margin."""
        self.settle()
        if self.cursor.y == self.top:
            if self.left <= self.cursor.x <= self.right:
                self.scroll_down(1)
        elif self.cursor.y > 0:
            self.cursor.y -= 1

    def linefeed(self) -> None:
        """LF, VT, FF; with LNM set also the carriage return."""
        self.index(continues=False)
        if self.linefeed_mode:
            self.carriage_return()

    def next_line(self) -> None:
        """NEL: carriage return and line feed."""
        self.index()
        self.carriage_return()

    def newline(self) -> None:
        """CR and LF at once, the commonest pair of all."""
        if self.narrowed:
            self.carriage_return()
            self.index(continues=False)
            return
        cursor = self.cursor
        cursor.x = 0
        y = cursor.y
        if y == self.bottom:
            self.scroll_row()
        elif y < self.lines - 1:
            cursor.y = y = y + 1
            self.buffer[y].continues = False

    def scroll_row(self, continues: bool = False) -> None:
        """The region up by one row, the row that leaves at the top going to the scrollback where it may."""
        buffer = self.buffer
        top = self.top
        row = buffer.pop(top)
        if top == 0 and self.main is None:
            after = continues if self.bottom == 0 else buffer[0].continues if buffer else False
            still = self.scrollback.push(row, after, buffer[0] if buffer else None)
            if self.bottom == 0:
                continues = continues and still
        elif top == self.bottom:
            continues = False  # the row above it is gone, or another
        else:
            buffer[top].continues = False
        if self.bottom + 1 < self.lines:
            buffer[self.bottom].continues = False
        row.clear_to(self.pen.erased)
        row.continues = continues
        buffer.insert(self.bottom, row)

    # -- moving rows within the region --------------------------------------------------------------------

    def scroll_up(self, count: int = 1) -> None:
        """SU, and what scrolls at the bottom margin."""
        count = min(count or 1, self.bottom - self.top + 1)
        if self.narrowed:
            self._shift_block(self.top, count)
            return
        for _ in range(count):
            self.scroll_row()

    def scroll_down(self, count: int = 1) -> None:
        """SD, and what scrolls at the top margin."""
        self._open_rows(self.top, count or 1)

    def insert_lines(self, count: int | None = None) -> None:
        """IL: within the region only; the cursor goes to the left margin."""
        if self._inside():
            self._open_rows(self.cursor.y, count or 1)
            self.go(self.cursor.y, self.left)

    def delete_lines(self, count: int | None = None) -> None:
        """DL: within the region only; the cursor goes to the left margin. Nothing goes to the scrollback."""
        if self._inside():
            y = self.cursor.y
            count = min(count or 1, self.bottom - y + 1)
            if self.narrowed:
                self._shift_block(y, count)
            else:
                for _ in range(count):
                    row = self.buffer.pop(y)
                    row.clear_to(self.erased)
                    self.buffer.insert(self.bottom, row)
                self._break_lines(y)
            self.go(y, self.left)

    def _inside(self) -> bool:
        self.settle()
        return self.top <= self.cursor.y <= self.bottom and self.left <= self.cursor.x <= self.right

    def _break_lines(self, y: int) -> None:
        """Row `y` no longer follows the row above it, nor does what was below the region follow the region."""
        self.buffer[y].continues = False
        if self.bottom + 1 < self.lines:
            self.buffer[self.bottom + 1].continues = False

    def _open_rows(self, y: int, count: int) -> None:
        """Blank rows at `y`, what they push past the bottom margin is gone."""
        count = min(count, self.bottom - y + 1)
        if self.narrowed:
            self._shift_block(y, -count)
            return
        for _ in range(count):
            row = self.buffer.pop(self.bottom)
            row.clear_to(self.erased)
            self.buffer.insert(y, row)
        if y + count < self.lines:
            self.buffer[y + count].continues = False
        self._break_lines(y)

    def _shift_block(self, y: int, count: int) -> None:
        """Move the cells between the side margins, from row `y` to the bottom margin, up by `count` rows."""
        left, right = self.left, self.right + 1
        rows = self.buffer[y : self.bottom + 1]
        erased = self.erased
        blank = [erased.space] * (right - left)
        for row in rows:
            row.split(erased, left, right)
        blocks = [row[left:right] for row in rows]
        if count > 0:
            blocks = blocks[count:] + [blank] * count
        else:
            blocks = [blank] * -count + blocks[:count]
        for row, block in zip(rows, blocks, strict=True):
            row[left:right] = block
            row.touch()
            row.continues = False


class Editor(Scroller):
    """What changes cells without writing text. Erased cells keep the pen's background (BCE) and nothing else."""

    def erase_in_line(self, how: int = 0, private: bool = False, *_: Any) -> None:
        """EL, DECSEL: 0 from the cursor, 1 up to it, 2 the row. A cursor that waits to wrap has passed all cells."""
        row = self.buffer[self.cursor.y]
        x = self.cursor.x
        if how == 0:
            row.fill(x, self.columns, self.erased)
            if x == 0:
                row.continues = False
        elif how == 1:
            row.fill(0, min(x + 1, self.columns), self.erased)
        elif how == 2:
            row.clear_to(self.erased)

    def erase_in_display(self, how: int = 0, *_: Any, **__: Any) -> None:
        """ED, DECSED: 0 below, 1 above, 2 all, 3 the scrollback (XTerm)."""
        y = self.cursor.y
        if how == 0:
            self.erase_in_line(0)
            for row in self.buffer[y + 1 :]:
                row.clear_to(self.erased)
        elif how == 1:
            for row in self.buffer[:y]:
                row.clear_to(self.erased)
            self.buffer[y].fill(0, min(self.cursor.x + 1, self.columns), self.erased)
            self.buffer[y].continues = False
            if self.cursor.x + 1 >= self.columns and y + 1 < self.lines:
                self.buffer[y + 1].continues = False
        elif how == 2:
            for row in self.buffer:
                row.clear_to(self.erased)
        elif how == 3:
            self.scrollback.clear()
            (self.main or self.buffer)[0].continues = False

    def erase_characters(self, count: int | None = None) -> None:
        """ECH."""
        self.settle()
        x = self.cursor.x
        self.buffer[self.cursor.y].fill(x, min(x + (count or 1), self.columns), self.erased)

    def insert_characters(self, count: int | None = None) -> None:
        """ICH: what is pushed past the right margin is gone."""
        self.settle()
        x = self.cursor.x
        if self.left <= x <= self.right:
            self.make_room(self.buffer[self.cursor.y], x, count or 1)

    def make_room(self, row: Row, x: int, count: int) -> None:
        """Blank cells at `x`, the rest of the row up to the right margin moving right."""
        end = self.right + 1
        count = min(count, end - x)
        erased = self.erased
        row.split(erased, x, end - count, end)
        row[x:end] = [erased.space] * count + row[x : end - count]
        row.touch()

    def delete_characters(self, count: int | None = None) -> None:
        """DCH: blanks come in at the right margin."""
        self.settle()
        x = self.cursor.x
        if self.left <= x <= self.right:
            self.close_gap(self.buffer[self.cursor.y], x, count or 1)

    def close_gap(self, row: Row, x: int, count: int) -> None:
        """Take cells away at `x`, the rest of the row up to the right margin moving left."""
        end = self.right + 1
        count = min(count, end - x)
        erased = self.erased
        row.split(erased, x, x + count, end)
        row[x:end] = row[x + count : end] + [erased.space] * count
        row.touch()

    def insert_columns(self, count: int = 1) -> None:
        """DECIC: columns at the cursor, in all rows of the region."""
        if self._inside():
            for row in self.buffer[self.top : self.bottom + 1]:
                self.make_room(row, self.cursor.x, count or 1)

    def delete_columns(self, count: int = 1) -> None:
        """DECDC."""
        if self._inside():
            for row in self.buffer[self.top : self.bottom + 1]:
                self.close_gap(row, self.cursor.x, count or 1)

    def back_index(self) -> None:
        """DECBI: left one column, or everything right where the cursor is on the left margin."""
        self.settle()
        if self.cursor.x == self.left and self._inside():
            self.insert_columns(1)
        elif self.cursor.x > 0:
            self.cursor.x -= 1

    def forward_index(self) -> None:
        """DECFI."""
        self.settle()
        if self.cursor.x == self.right and self._inside():
            x, self.cursor.x = self.cursor.x, self.left
            self.delete_columns(1)
            self.cursor.x = x
        elif self.cursor.x < self.columns - 1:
            self.cursor.x += 1

    def alignment_display(self) -> None:
        """DECALN: the screen full of E, margins and cursor at rest."""
        self.clear_margins()
        self.go(0, 0)
        for row in self.buffer:
            row.clear_to(DEFAULT)
            row[:] = [DEFAULT.cell("E")] * self.columns
            row.used = self.columns
