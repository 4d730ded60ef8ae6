"""The grid: rows, the cursor, the pen, margins and tab stops.

The screen is a chain of classes, each on top of the one before: Grid, Editing (`edit`), Rectangles, Printing, Modes and
Screen. It is a pyte Screen, with pyte's names for what pyte has; what pyte keeps otherwise is shown by `pyte_face`.

A cursor whose column equals `columns` has a wrap pending (so do pyte and xterm.js).
"""

from __future__ import annotations

from sesh.vt.pen import DEFAULT, Pen, apply_sgr
from sesh.vt.pyte_face import Cursor, PyteFace
from sesh.vt.row import Row, blank
from sesh.vt.scrollback import Scrollback


def default_tab_stops(columns: int) -> set[int]:
    """Return the tab stops of a new screen."""
    return set(range(8, columns, 8))


class Grid(PyteFace):
    """Rows, cursor, pen, margins and tab stops."""

    def __init__(self, columns: int, lines: int, scrollback: Scrollback) -> None:
        self.columns, self.lines, self.scrollback = columns, lines, scrollback
        self.title = self.icon_name = ""
        self.ever_changed: set[str] = set()
        """Names of the properties that the program ever changed: a terminal that shows the session may still have them.
        """
        self.reset()

    def reset(self) -> None:
        """RIS: blank rows, the cursor at home, everything at its default but the titles (xterm, VTE, xterm.js)."""
        self.rows = self.blank_rows(self.lines, DEFAULT)
        self.main: list[Row] | None = None
        """The rows of the main screen while the alternate screen shows."""
        self.clear_margins()
        self.cursor = Cursor(self)
        self.tabstops = default_tab_stops(self.columns)
        self.pen: Pen = DEFAULT
        self.joinable = False
        """True if the last character written is the grapheme left of the cursor: characters may join it, and REP
        repeats it."""
        self.origin = self.insert = self.linefeed_mode = False
        self.wrap = True

    # -- rows ---------------------------------------------------------------------------------------------

    def blank_rows(self, count: int, pen: Pen) -> list[Row]:
        """Return `count` rows as erasing with `pen` leaves them."""
        return [blank(self.columns, pen) for _ in range(count)]

    def set_continues(self, y: int, continues: bool) -> None:
        """Set whether row `y` goes on with the line of the row above."""
        self.rows[y].continues = continues
        if continues:
            self.rows[y].prompt = False

    def line_start(self, y: int) -> int:
        """Return the first of the screen's rows that belong to the line of row `y`."""
        while y > 0 and self.rows[y].continues:
            y -= 1
        return y

    def set_pen(self, parameters: str) -> None:
        """SGR: `parameters` as they came."""
        self.pen = apply_sgr(self.pen, parameters)

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
        """The rows of the main screen, whichever screen shows."""
        return self.rows if self.main is None else self.main

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

    # -- the cursor ---------------------------------------------------------------------------------------

    @property
    def pending_wrap(self) -> bool:
        """True if the next character wraps first."""
        cursor = self.cursor
        return cursor.x >= self.columns or self.margin_wrap == (cursor.y, cursor.x)

    def move_to(self, row: int, column: int) -> None:
        """Put the cursor there, clipped to the screen, whatever the origin mode; no wrap is pending then."""
        self.cursor.y = min(max(row, 0), self.lines - 1)
        self.cursor.x = min(max(column, 0), self.columns - 1)
        self.margin_wrap = None

    def cancel_wrap(self) -> None:
        """Put a cursor with a pending wrap on the last column instead."""
        if self.cursor.x >= self.columns:
            self.cursor.x = self.columns - 1
        elif self.margin_wrap == (self.cursor.y, self.cursor.x) and self.cursor.x > 0:
            self.cursor.x -= 1
        self.margin_wrap = None

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """CUP, HVP: 1-based; in origin mode relative to the margins and kept within them."""
        row = line - 1 if line else 0
        column = column - 1 if column else 0
        if self.origin:
            row = min(row + self.top, self.bottom)
            column = min(column + self.left, self.right)
        self.move_to(row, column)

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
        self.cancel_wrap()
        x = self.cursor.x
        limit = self.right if x <= self.right else self.columns - 1
        self.cursor.x = min(x + (count or 1), limit)

    def cursor_back(self, count: int | None = None) -> None:
        """CUB: stops at the left margin if it starts at or right of it."""
        self.cancel_wrap()
        x = self.cursor.x
        self.move_to(self.cursor.y, max(x - (count or 1), self.left if x >= self.left else 0))

    def carriage_return(self) -> None:
        """CR: to the left margin; from left of it, to the first column."""
        self.cancel_wrap()
        self.cursor.x = self.left if self.cursor.x >= self.left or self.origin else 0

    # -- tab stops ----------------------------------------------------------------------------------------

    def tab(self, count: int = 1) -> None:
        """HT, CHT: to the next stop, at most to the right margin or the last column; with a wrap pending, nothing."""
        x = self.cursor.x
        if x >= self.columns:
            return
        limit = self.right if x <= self.right else self.columns - 1
        stops = sorted(stop for stop in self.tabstops if x < stop < limit)
        self.cursor.x = stops[(count or 1) - 1] if len(stops) >= (count or 1) else limit
        self.margin_wrap = None

    def back_tab(self, count: int = 1) -> None:
        """CBT: to the previous stop; in origin mode the left margin stops it."""
        self.cancel_wrap()
        x = self.cursor.x
        stops = sorted(stop for stop in self.tabstops if stop < x)
        stop = stops[-(count or 1)] if len(stops) >= (count or 1) else 0
        self.cursor.x = max(stop, self.left) if self.origin and x >= self.left else stop

    def set_tab_stop(self) -> None:
        """HTS."""
        self.ever_changed.add("tabs")
        self.tabstops.add(min(self.cursor.x, self.columns - 1))

    def clear_tab_stop(self, how: int = 0) -> None:
        """TBC: 0 clears the stop at the cursor, 3 all."""
        self.ever_changed.add("tabs")
        if how == 0:
            self.tabstops.discard(min(self.cursor.x, self.columns - 1))
        elif how == 3:
            self.tabstops.clear()
