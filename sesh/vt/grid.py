"""pyte's screen, loaded without what pyte loads for work that is done here in another way.

pyte asks wcwidth how wide each character is. Here only `graphemes` asks, for the few characters of which it is not
plain, so wcwidth comes with the first of those: its tables would be a third of what a session takes in memory.

The grid: rows of cells, a cursor and the elementary moves; the ground of our extension of pyte's Screen.

The classes of this chain build on one another: Grid (rows, cursor, tabs), Scroller (regions), Editor (erase,
insert, delete), Writer (text), Modal (modes, buffers, saved cursors), Screen (titles, colours, resize). They keep
pyte's names for what pyte does and replace whatever touches its buffer: rows are lists here, so that scrolling
moves references and text is written by slices.

A cursor whose column equals `columns` waits to wrap (pyte's convention, and xterm.js's).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from sesh.vt.cell import BLANK, DEFAULT, Cell, Pen
from sesh.vt.graphemes import narrowed
from sesh.vt.scrollback import Scrollback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyte.screens import Cursor, Margins, Screen

__all__ = ["Cursor", "Margins", "Screen"]


def _width(char: str) -> int:
    """What wcwidth says, asked late."""
    from wcwidth import wcwidth

    return int(wcwidth(char))


if not TYPE_CHECKING:
    _absent = "wcwidth" not in sys.modules
    if _absent:
        sys.modules["wcwidth"] = ModuleType("wcwidth")
        sys.modules["wcwidth"].wcwidth = _width
    try:
        from pyte.screens import Cursor, Margins, Screen
    finally:
        if _absent:
            del sys.modules["wcwidth"]


class Row(list[Cell]):
    """A row of cells, always as long as the screen is wide.

    used: every cell from here on is the default blank.  styled: some cell may have another pen than the default.
    wide: some cell may be a stub.  continues: the row goes on with the logical line of the row above.
    short: its last cell was left over because a wide character did not fit and wrapped.
    """

    __slots__ = ("continues", "short", "styled", "used", "wide")

    def __init__(self, columns: int, pen: Pen = DEFAULT) -> None:
        super().__init__([pen.space] * columns)
        self.continues = False
        self.short = False
        self.wide = False
        self.styled = pen is not DEFAULT
        self.used = columns if self.styled else 0

    def clear_to(self, pen: Pen) -> None:
        """Make this row a blank one as erasing with `pen` leaves it."""
        columns = len(self)
        if pen is DEFAULT:
            self[: self.used] = [BLANK] * self.used
            self.used = 0
            self.styled = False
        else:
            self[:] = [pen.space] * columns
            self.used = columns
            self.styled = True
        self.continues = self.short = self.wide = False

    def fill(self, start: int, end: int, pen: Pen) -> None:
        """Blank the cells from `start` up to `end` with `pen`, and the halves of wide characters cut at the edges."""
        if start >= end:
            return
        self.cut(start, end, pen)
        if pen is DEFAULT:
            end = min(end, self.used)
            if start < end:
                self[start:end] = [BLANK] * (end - start)
            if end == self.used and start < end:
                self.used = start
        else:
            self[start:end] = [pen.space] * (end - start)
            self.used = max(self.used, end)
            self.styled = True

    def cut(self, start: int, end: int, pen: Pen) -> None:
        """Blank the partner of every wide character of which only one half lies in `start` up to `end`."""
        if not self.wide:
            return
        if 0 < start < len(self) and not self[start].data:
            self[start - 1] = pen.space
            self.styled = self.styled or pen is not DEFAULT
        if end < len(self) and not self[end].data:
            self[end] = pen.space
            self.styled = self.styled or pen is not DEFAULT

    def split(self, pen: Pen, *edges: int) -> None:
        """Blank both halves of every wide character that lies across one of `edges` (the index right of the edge)."""
        if self.wide:
            for edge in edges:
                if 0 < edge < len(self) and not self[edge].data:
                    self[edge - 1] = self[edge] = pen.space

    def touch(self) -> None:
        """Forget the hints after cells were moved about.

        A grapheme that U+FE0E has narrowed cannot be written to the last column, where its base has no room: moved
        there it leaves a blank.
        """
        self.used = len(self)
        self.styled = self.wide = True
        if narrowed(self[-1].data):
            self[-1] = self[-1].pen.space


class Grid(Screen):
    """Rows, cursor, pen, margins and tab stops."""

    buffer: list[Row]  # type: ignore[assignment]
    tabstops: set[int]

    def __init__(self, columns: int, lines: int, scrollback: Scrollback) -> None:
        self.scrollback = scrollback
        super().__init__(columns, lines)

    def reset(self) -> None:
        """RIS, as far as this class goes: blank rows, cursor at home. The scrollback stays."""
        self.buffer = [Row(self.columns) for _ in range(self.lines)]
        #: The rows of the main screen while the alternate one shows.
        self.main: list[Row] | None = None
        self.margins = None
        self.top, self.bottom = 0, self.lines - 1
        self.set_sides(0, self.columns - 1)
        self.cursor = Cursor(0, 0)
        self.tabstops = set(range(8, self.columns, 8))
        # xterm, VTE and xterm.js keep the titles over RIS.
        self.title = getattr(self, "title", "")
        self.icon_name = getattr(self, "icon_name", "")
        self.set_pen(DEFAULT)
        #: The last thing written was a grapheme: it stands left of the cursor, can be joined and repeated.
        self.open = False
        #: Where a character at a right margin left the cursor waiting to wrap: (row, column).
        self.held: tuple[int, int] | None = None
        self.origin = self.insert = self.linefeed_mode = False
        self.wrap = True
        #: What the program ever changed, by name: a terminal that shows the session may still hold it.
        self.used: set[str] = getattr(self, "used", set())

    def set_pen(self, pen: Pen) -> None:
        """Write with `pen` from now on."""
        self.pen = pen

    def set_sides(self, left: int, right: int) -> None:
        """The first and the last column of the region; `narrowed`: they leave a part of the rows out."""
        self.left, self.right = left, right
        self.narrowed = left > 0 or right < self.columns - 1

    @property
    def erased(self) -> Pen:
        """The pen that erasing leaves behind."""
        return self.pen.erased

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen shows."""
        return self.main is not None

    # -- the cursor ---------------------------------------------------------------------------------------

    def go(self, row: int, column: int) -> None:
        """Put the cursor at an absolute place, clipped to the screen; it no longer waits to wrap."""
        self.cursor.y = min(max(row, 0), self.lines - 1)
        self.cursor.x = min(max(column, 0), self.columns - 1)
        self.held = None

    def settle(self) -> None:
        """A cursor that waits to wrap stands on the last column instead."""
        if self.cursor.x >= self.columns:
            self.cursor.x = self.columns - 1
        if self.held is not None:
            if self.held == (self.cursor.y, self.cursor.x) and self.cursor.x > 0:
                self.cursor.x -= 1
            self.held = None

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """CUP, HVP: 1-based, relative to the margins and kept in them while origin mode is on."""
        row, column = (line or 1) - 1, (column or 1) - 1
        if self.origin:
            row = min(row + self.top, self.bottom)
            column = min(column + self.left, self.right)
        self.go(row, column)

    def cursor_to_column(self, column: int | None = None) -> None:
        """CHA, HPA."""
        column = (column or 1) - 1
        self.go(self.cursor.y, min(column + self.left, self.right) if self.origin else column)

    def cursor_to_line(self, line: int | None = None) -> None:
        """VPA."""
        row = (line or 1) - 1
        self.go(min(row + self.top, self.bottom) if self.origin else row, self.cursor.x)

    def cursor_up(self, count: int | None = None) -> None:
        """CUU: stops at the top margin, when it starts at or below it."""
        y = self.cursor.y
        self.settle()
        self.go(max(y - (count or 1), self.top if y >= self.top else 0), self.cursor.x)

    def cursor_down(self, count: int | None = None) -> None:
        """CUD: stops at the bottom margin, when it starts at or above it."""
        y = self.cursor.y
        self.settle()
        self.go(min(y + (count or 1), self.bottom if y <= self.bottom else self.lines - 1), self.cursor.x)

    def position_right(self, count: int | None = None) -> None:
        """HPR: right, whatever the margins; in origin mode not past them."""
        self.settle()
        x = self.cursor.x + (count or 1)
        self.go(self.cursor.y, min(x, self.right) if self.origin else x)

    def position_down(self, count: int | None = None) -> None:
        """VPR: down, whatever the margins; in origin mode not past them."""
        self.settle()
        y = self.cursor.y + (count or 1)
        self.go(min(y, self.bottom) if self.origin else y, self.cursor.x)

    def cursor_up1(self, count: int | None = None) -> None:
        """CPL."""
        self.cursor_up(count)
        self.carriage_return()

    def cursor_down1(self, count: int | None = None) -> None:
        """CNL."""
        self.cursor_down(count)
        self.carriage_return()

    def cursor_forward(self, count: int | None = None) -> None:
        """CUF: stops at the right margin, when it starts at or left of it."""
        self.settle()
        x = self.cursor.x
        self.go(self.cursor.y, min(x + (count or 1), self.right if x <= self.right else self.columns - 1))

    def cursor_back(self, count: int | None = None) -> None:
        """CUB: stops at the left margin, when it starts at or right of it."""
        self.settle()
        x = self.cursor.x
        self.go(self.cursor.y, max(x - (count or 1), self.left if x >= self.left else 0))

    def backspace(self) -> None:
        """BS."""
        self.cursor_back(1)

    def carriage_return(self) -> None:
        """CR: to the left margin, or to the first column from left of it."""
        if self.left:
            self.settle()
            self.cursor.x = self.left if self.cursor.x >= self.left or self.origin else 0
        else:
            self.cursor.x = 0
            self.held = None

    # -- tab stops ----------------------------------------------------------------------------------------

    def tab(self, count: int = 1) -> None:
        """HT, CHT: to the next stop, the right margin or the last column. A cursor that waits to wrap stays."""
        if self.cursor.x >= self.columns:
            return
        limit = self.right if self.cursor.x <= self.right else self.columns - 1
        for _ in range(min(count or 1, self.columns)):
            x = self.cursor.x + 1
            while x < limit and x not in self.tabstops:
                x += 1
            self.cursor.x = min(x, limit)
        self.held = None

    def back_tab(self, count: int = 1) -> None:
        """CBT: to the stop before."""
        self.settle()
        for _ in range(min(count or 1, self.columns)):
            x = self.cursor.x - 1
            while x > 0 and x not in self.tabstops:
                x -= 1
            self.cursor.x = max(x, 0)

    def set_tab_stop(self) -> None:
        """HTS."""
        self.used.add("tabs")
        self.tabstops.add(min(self.cursor.x, self.columns - 1))

    def clear_tab_stop(self, how: int = 0) -> None:
        """TBC: 0 the one at the cursor, 3 all."""
        self.used.add("tabs")
        if how == 0:
            self.tabstops.discard(min(self.cursor.x, self.columns - 1))
        elif how == 3:
            self.tabstops.clear()

    def bell(self, *args: Any) -> None:
        """BEL leaves no trace in the model."""
