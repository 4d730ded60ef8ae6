"""Erasing, inserting and deleting (ECMA-48 ED, EL, ECH, ICH, DCH, and DEC's ICH and DCH of columns)."""

from __future__ import annotations

from typing import Any

from sesh.daemon.cell import DEFAULT
from sesh.daemon.grid import Row
from sesh.daemon.scroller import Scroller


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
            self.history.clear()
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
