"""The grid: rows of cells, the cursor, the pen, margins and tab stops.

The screen is a chain of classes, each on top of the one before: Grid, Editing (`edit`), Rectangles, Printing (`text`),
Modes and Screen (`screen`). It extends pyte's Screen and keeps pyte's names for what pyte has, but replaces all that
touches pyte's buffer: here rows are lists, so that scrolling moves references and text is written by slices.

A cursor whose column equals `columns` has a wrap pending (so do pyte and xterm.js).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from pyte.screens import Cursor
from pyte.screens import Screen as PyteScreen

from sesh.vt.cell import DEFAULT, Pen
from sesh.vt.marks import within_line
from sesh.vt.row import Row, blank
from sesh.vt.scrollback import Scrollback

__all__ = ["Cursor", "Grid"]


def default_tab_stops(columns: int) -> list[int]:
    """The tab stops of a new screen."""
    return list(range(8, columns, 8))


class Grid(PyteScreen):
    """Rows, cursor, pen, margins and tab stops."""

    # What is read for each token. Slots are faster, as Python shares the keys of small dictionaries only.
    __slots__ = (
        "bottom", "charsets", "columns", "cursor", "insert", "joinable", "left", "lines", "main", "margin_wrap",
        "modes", "narrow", "origin", "pen", "right", "rows", "scrollback", "single_shift", "top", "translation", "wrap",
    )  # fmt: skip

    rows: list[Row]
    """The rows. Their cells may have to be settled first (see `row`): `buffer` does so."""
    pen: Pen
    tabstops: list[int]  # type: ignore[assignment]
    """The columns of the tab stops, in order."""
    touched = 0
    """Number of cells that sequences which change many at once have changed, since the tokenizer set it to 0: after so
    many it looks at the clock."""

    def __init__(self, columns: int, lines: int, scrollback: Scrollback) -> None:
        self.scrollback = scrollback
        super().__init__(columns, lines)

    def reset(self) -> None:
        """RIS: blank rows, the cursor at home, everything at its default. The scrollback stays."""
        self.buffer = self.blank_rows(self.lines, DEFAULT)
        self.main: list[Row] | None = None
        """The rows of the main screen while the alternate screen shows."""
        self.clear_margins()
        self.cursor = Cursor(0, 0)
        self.tabstops = default_tab_stops(self.columns)
        # xterm, VTE and xterm.js keep the titles.
        self.title = getattr(self, "title", "")
        self.icon_name = getattr(self, "icon_name", "")
        self.pen = DEFAULT
        self.joinable = False
        """True if the last character written is the grapheme left of the cursor: characters may join it, and REP
        repeats it."""
        self.origin = self.insert = self.linefeed_mode = False
        self.wrap = True
        self.ever_changed: set[str] = getattr(self, "ever_changed", set())
        """Names of the properties that the program ever changed: a terminal that shows the session may still have them.
        """

    @property  # type: ignore[override]
    def buffer(self) -> list[Row]:
        """The rows, with their cells as they are now."""
        for row in self.rows:
            if row.stale:
                row.settle()
        return self.rows

    @buffer.setter
    def buffer(self, rows: list[Row]) -> None:
        self.rows = rows

    # -- rows ---------------------------------------------------------------------------------------------

    def unshared_row(self, y: int) -> Row:
        """Return row `y` for a change: a shared row is replaced by a copy first."""
        row = self.rows[y]
        if row.shared:
            row = self.rows[y] = row.own()
        return row

    def own_row(self, y: int) -> Row:
        """Return row `y` for a change of its cells: not shared, with its cells up to date and without text."""
        row = self.unshared_row(y)
        row.settle()
        row.text = None
        return row

    def blank_rows(self, count: int, pen: Pen) -> list[Row]:
        """`count` rows as erasing with `pen` leaves them."""
        return [blank(pen, self.columns)] * count

    def set_wrapped(self, y: int, wrapped: bool) -> None:
        """Set whether row `y` goes on with the line of the row above."""
        if self.rows[y].wrapped is not wrapped:
            row = self.unshared_row(y)
            row.wrapped = wrapped
            if row.marks and wrapped:
                row.marks = within_line(row.marks)

    def set_continued(self, continued: bool) -> None:
        """Set whether the first row of the main screen goes on with the newest line of the scrollback."""
        rows = self.main_rows
        if rows[0].wrapped is not continued:
            if rows[0].shared:
                rows[0] = rows[0].own()
            rows[0].wrapped = continued

    # -- margins ------------------------------------------------------------------------------------------

    def clear_margins(self) -> None:
        """Make the whole screen scroll; the cursor stays."""
        self.top, self.bottom = 0, self.lines - 1
        self.set_left_right(0, self.columns - 1)
        self.margin_wrap: tuple[int, int] | None = None
        """Position (row, column) at which a character at a right margin left the cursor with a wrap pending."""

    def set_left_right(self, left: int, right: int) -> None:
        """Set the left and the right margin. `narrow`: they leave a part of the rows out."""
        self.left, self.right = left, right
        self.narrow = left > 0 or right < self.columns - 1

    @property
    def erased(self) -> Pen:
        """The pen of erased cells (BCE)."""
        return self.pen.erased

    @property
    def alternate(self) -> bool:
        """True if the alternate screen shows."""
        return self.main is not None

    @property
    def main_rows(self) -> list[Row]:
        """The rows of the main screen, whichever screen shows. Their cells may have to be settled first."""
        return self.rows if self.main is None else self.main

    # -- the cursor ---------------------------------------------------------------------------------------

    @property
    def pending_wrap(self) -> bool:
        """True if the next character wraps first."""
        cursor = self.cursor
        return cursor.x >= self.columns or self.margin_wrap == (cursor.y, cursor.x)

    def move_to(self, row: int, column: int) -> None:
        """Put the cursor there, clipped to the screen, whatever the origin mode; no wrap is pending then."""
        cursor, last, right = self.cursor, self.lines - 1, self.columns - 1
        cursor.y = 0 if row < 0 else min(last, row)
        cursor.x = 0 if column < 0 else min(right, column)
        self.margin_wrap = None

    def cancel_wrap(self) -> None:
        """Put a cursor with a pending wrap on the last column instead."""
        if self.cursor.x >= self.columns:
            self.cursor.x = self.columns - 1
        if self.margin_wrap is not None:
            if self.margin_wrap == (self.cursor.y, self.cursor.x) and self.cursor.x > 0:
                self.cursor.x -= 1
            self.margin_wrap = None

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """CUP, HVP: 1-based; in origin mode relative to the margins and kept within them."""
        row = line - 1 if line else 0
        column = column - 1 if column else 0
        if self.origin:
            row = min(row + self.top, self.bottom)
            column = min(column + self.left, self.right)
        cursor = self.cursor
        cursor.y = row if row < self.lines else self.lines - 1
        cursor.x = column if column < self.columns else self.columns - 1
        self.margin_wrap = None

    def cursor_to_column(self, column: int | None = None) -> None:
        """CHA, HPA."""
        column = (column or 1) - 1
        self.move_to(self.cursor.y, min(column + self.left, self.right) if self.origin else column)

    def cursor_to_line(self, line: int | None = None) -> None:
        """VPA."""
        row = (line or 1) - 1
        self.move_to(min(row + self.top, self.bottom) if self.origin else row, self.cursor.x)

    def cursor_up(self, count: int | None = None) -> None:
        """CUU: stops at the top margin if it starts at or below it."""
        y = self.cursor.y
        self.cancel_wrap()
        self.move_to(max(y - (count or 1), self.top if y >= self.top else 0), self.cursor.x)

    def cursor_down(self, count: int | None = None) -> None:
        """CUD: stops at the bottom margin if it starts at or above it."""
        y = self.cursor.y
        self.cancel_wrap()
        self.move_to(min(y + (count or 1), self.bottom if y <= self.bottom else self.lines - 1), self.cursor.x)

    def position_right(self, count: int | None = None) -> None:
        """HPR: right; only in origin mode do the margins stop it."""
        self.cancel_wrap()
        x = self.cursor.x + (count or 1)
        self.move_to(self.cursor.y, min(x, self.right) if self.origin else x)

    def position_down(self, count: int | None = None) -> None:
        """VPR: down; only in origin mode do the margins stop it."""
        self.cancel_wrap()
        y = self.cursor.y + (count or 1)
        self.move_to(min(y, self.bottom) if self.origin else y, self.cursor.x)

    def cursor_up1(self, count: int | None = None) -> None:
        """CPL."""
        self.cursor_up(count)
        self.carriage_return()

    def cursor_down1(self, count: int | None = None) -> None:
        """CNL."""
        self.cursor_down(count)
        self.carriage_return()

    def cursor_forward(self, count: int | None = None) -> None:
        """CUF: stops at the right margin if it starts at or left of it."""
        cursor = self.cursor
        if cursor.x >= self.columns or self.margin_wrap is not None:
            self.cancel_wrap()
        x, count = cursor.x, count or 1
        limit = self.right if x <= self.right else self.columns - 1
        cursor.x = x + count if count < limit - x else limit

    def cursor_back(self, count: int | None = None) -> None:
        """CUB: stops at the left margin if it starts at or right of it."""
        self.cancel_wrap()
        x = self.cursor.x
        self.move_to(self.cursor.y, max(x - (count or 1), self.left if x >= self.left else 0))

    def carriage_return(self) -> None:
        """CR: to the left margin; from left of it, to the first column."""
        if self.left:
            self.cancel_wrap()
            self.cursor.x = self.left if self.cursor.x >= self.left or self.origin else 0
        else:
            self.cursor.x = 0
            self.margin_wrap = None

    # -- tab stops ----------------------------------------------------------------------------------------

    def tab(self, count: int = 1) -> None:
        """HT, CHT: to the next stop, at most to the right margin or the last column; with a wrap pending, nothing."""
        x = self.cursor.x
        if x >= self.columns:
            return
        limit = self.right if x <= self.right else self.columns - 1
        index = bisect_right(self.tabstops, x) + (count or 1) - 1
        self.cursor.x = min(self.tabstops[index], limit) if index < len(self.tabstops) else limit
        self.margin_wrap = None

    def back_tab(self, count: int = 1) -> None:
        """CBT: to the previous stop; in origin mode the left margin stops it."""
        self.cancel_wrap()
        index = bisect_left(self.tabstops, self.cursor.x) - (count or 1)
        stop = self.tabstops[index] if index >= 0 else 0
        self.cursor.x = max(stop, self.left) if self.origin and self.cursor.x >= self.left else stop

    def set_tab_stop(self) -> None:
        """HTS."""
        self.ever_changed.add("tabs")
        self.tabstops = sorted({*self.tabstops, min(self.cursor.x, self.columns - 1)})

    def clear_tab_stop(self, how: int = 0) -> None:
        """TBC: 0 clears the stop at the cursor, 3 all."""
        self.ever_changed.add("tabs")
        if how == 0:
            self.tabstops = sorted({*self.tabstops} - {min(self.cursor.x, self.columns - 1)})
        elif how == 3:
            self.tabstops = []
