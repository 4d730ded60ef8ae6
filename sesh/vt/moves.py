"""Moving the cursor: margins, origin mode, tab stops."""

from __future__ import annotations

from sesh.vt.grid import Grid


def default_tab_stops(columns: int) -> set[int]:
    return set(range(8, columns, 8))


class Moves(Grid):
    """Margins, tab stops and cursor movements. CNL and CPL (`cursor_down1`, `cursor_up1`) are pyte's."""

    def reset(self) -> None:
        super().reset()
        self.clear_margins()
        self.tabstops = default_tab_stops(self.columns)
        self.origin = False

    def clear_margins(self) -> None:
        """Reset the margins to the whole screen; the cursor stays."""
        self.top, self.bottom = 0, self.height - 1
        self.set_left_right(0, self.columns - 1)

    def set_left_right(self, left: int, right: int) -> None:
        """Set the left and right margin; `narrow` tells whether they exclude any column."""
        self.left, self.right = left, right
        self.narrow = left > 0 or right < self.columns - 1
        self.margin_wrap: tuple[int, int] | None = None
        """The cursor's (row, column) when printing at the right margin left a wrap pending; None if it did not."""

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """DECSTBM, 1-based: set the margins, and home the cursor; ignore fewer than two rows."""
        first = (top or 1) - 1
        last = min(bottom or self.height, self.height) - 1
        if first < last:
            self.top, self.bottom = first, last
            self.cursor_position()

    def set_left_right_margins(self, left: int = 0, right: int = 0) -> None:
        """DECSLRM, 1-based: set the margins, and home the cursor; ignore fewer than two columns."""
        first = (left or 1) - 1
        last = min(right or self.columns, self.columns) - 1
        if first < last:
            self.set_left_right(first, last)
            self.cursor_position()

    @property
    def pending_wrap(self) -> bool:
        """True if the next character wraps first."""
        cursor = self.cursor
        return cursor.x >= self.columns or self.margin_wrap == (cursor.y, cursor.x)

    def move_to(self, row: int, column: int) -> None:
        """Move the cursor, clipped to the screen, whatever the origin mode; cancel a pending wrap."""
        cursor = self.cursor
        cursor.y = row if 0 <= row < self.height else min(max(row, 0), self.height - 1)
        cursor.x = column if 0 <= column < self.columns else min(max(column, 0), self.columns - 1)
        self.margin_wrap = None

    def cancel_wrap(self) -> None:
        """Cancel a pending wrap: move back onto the last column, or the right margin."""
        if self.pending_wrap:
            self.cursor.x -= 1
        self.margin_wrap = None

    def _row(self, line: int | None) -> int:
        row = line - 1 if line else 0
        return min(row + self.top, self.bottom) if self.origin else row

    def _column(self, column: int | None) -> int:
        column = column - 1 if column else 0
        return min(column + self.left, self.right) if self.origin else column

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """CUP, HVP."""
        self.move_to(self._row(line), self._column(column))

    def cursor_to_column(self, column: int | None = None) -> None:
        """CHA, HPA."""
        self.move_to(self.cursor.y, self._column(column))

    def cursor_to_line(self, line: int | None = None) -> None:
        """VPA."""
        self.move_to(self._row(line), self.cursor.x)

    def cursor_up(self, count: int | None = None) -> None:
        """CUU: the top margin stops a cursor that starts at or below it."""
        y = self.cursor.y
        self.cancel_wrap()
        self.move_to(max(y - (count or 1), self.top if y >= self.top else 0), self.cursor.x)

    def cursor_down(self, count: int | None = None) -> None:
        """CUD: the bottom margin stops a cursor that starts at or above it."""
        y = self.cursor.y
        self.cancel_wrap()
        self.move_to(min(y + (count or 1), self.bottom if y <= self.bottom else self.height - 1), self.cursor.x)

    def position_right(self, count: int | None = None) -> None:
        """HPR: move right; the margin stops the cursor only in origin mode."""
        self.cancel_wrap()
        x = self.cursor.x + (count or 1)
        self.move_to(self.cursor.y, min(x, self.right) if self.origin else x)

    def position_down(self, count: int | None = None) -> None:
        """VPR: move down; the margin stops the cursor only in origin mode."""
        self.cancel_wrap()
        y = self.cursor.y + (count or 1)
        self.move_to(min(y, self.bottom) if self.origin else y, self.cursor.x)

    def cursor_forward(self, count: int | None = None) -> None:
        """CUF: the right margin stops a cursor that starts at or left of it."""
        self.cancel_wrap()
        self.cursor.x = min(self.cursor.x + (count or 1), self._limit())

    def cursor_back(self, count: int | None = None) -> None:
        """CUB: the left margin stops a cursor that starts at or right of it."""
        self.cancel_wrap()
        x = self.cursor.x
        self.move_to(self.cursor.y, max(x - (count or 1), self.left if x >= self.left else 0))

    def carriage_return(self) -> None:
        """CR: go to the left margin, or, from left of it, to the first column."""
        self.cancel_wrap()
        self.cursor.x = self.left if self.cursor.x >= self.left or self.origin else 0

    def _limit(self) -> int:
        return self.right if self.cursor.x <= self.right else self.columns - 1

    def tab(self, count: int = 1) -> None:
        """HT, CHT: go to the next stop, or to the right margin or last column."""
        x = self.cursor.x
        limit = self._limit()
        if self.pending_wrap:
            return
        if count <= 1:
            self.cursor.x = next((stop for stop in range(x + 1, limit) if stop in self.tabstops), limit)
        else:
            stops = sorted(stop for stop in self.tabstops if x < stop < limit)
            self.cursor.x = stops[count - 1] if len(stops) >= count else limit
        self.margin_wrap = None

    def back_tab(self, count: int = 1) -> None:
        """CBT: go to the previous stop; in origin mode the left margin stops the cursor."""
        self.cancel_wrap()
        x = self.cursor.x
        stops = sorted(stop for stop in self.tabstops if stop < x)
        stop = stops[-(count or 1)] if len(stops) >= (count or 1) else 0
        self.cursor.x = max(stop, self.left) if self.origin and x >= self.left else stop

    def set_tab_stop(self) -> None:
        """HTS."""
        self.used.tabs = True
        self.tabstops.add(min(self.cursor.x, self.columns - 1))

    def clear_tab_stop(self, how: int = 0) -> None:
        """TBC: 0 clears the stop at the cursor, 3 all."""
        self.used.tabs = True
        if how == 0:
            self.tabstops.discard(min(self.cursor.x, self.columns - 1))
        elif how == 3:
            self.tabstops.clear()
