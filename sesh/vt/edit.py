"""Editing: ED, EL, ECH, ICH, DCH (ECMA-48), and DECIC, DECDC, DECBI, DECFI, DECALN."""

from __future__ import annotations

from typing import Any

from sesh.vt.cell import DEFAULT
from sesh.vt.row import Row
from sesh.vt.scroll import Scrolling


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
