"""Scrolling: margins, line feeds, and rows that move up and down within the scrolling region.

Rows that leave the top of the main screen go to the scrollback if the region begins at the first row and is as wide as
the screen, as in xterm, kitty and VTE. Rows that scroll within an inner region or on the alternate screen are lost.
"""

from __future__ import annotations

from typing import Any

from sesh.vt.grid import Grid, Margins


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
