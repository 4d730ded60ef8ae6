"""The grid: the rows of both screens, the cursor, the saved cursors and the pen.

The screen is a chain of subclasses: Grid, Moves, Editing (`edit`), Printing, Modes, PyteFace, Screen. It is
a pyte Screen, and uses pyte's names where pyte has them.

A size is a number of columns and a height, the number of rows (pyte's `lines`); `rows` are the rows themselves. As in
pyte and xterm.js, a cursor in column `columns` has a pending wrap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pyte.screens import Cursor
from pyte.screens import Screen as PyteScreen

from sesh.vt.charsets import DEFAULT_SETS, Charsets
from sesh.vt.images import CELL_HEIGHT
from sesh.vt.pen import DEFAULT, MAX_CACHED, Pen, apply_sgr, cached_sgr
from sesh.vt.row import Row, blank
from sesh.vt.scrollback import Scrollback


class SavedCursor(NamedTuple):
    """The state that DECSC saves: cursor, pen, charsets and origin mode.

    If `column` equals the number of columns, a wrap is pending. DECSC does not save the hyperlink (as in kitty,
    ghostty, xterm.js), nor DECAWM (as in xterm, VTE, foot and others; the VT510's manual and kitty differ).
    """

    row: int = 0
    column: int = 0
    pen: Pen = DEFAULT
    charsets: Charsets = DEFAULT_SETS
    origin: bool = False


class Page(NamedTuple):
    """What each of the two screens has: of the hidden one, unless stated otherwise."""

    rows: list[Row]  # none for the alternate screen, unless mode 47 left content there
    saved: SavedCursor
    kitty_stack: list[int]  # the stack of kitty keyboard flags, the current ones last


@dataclass
class Used:
    """Settings that the program has ever changed, and a terminal may still have.

    The sets have numbers: of private modes, of resources of XTMODKEYS.
    """

    modes: set[int] = field(default_factory=set)
    resources: set[int] = field(default_factory=set)
    titles: bool = False  # a title was set that no pop brings back
    charsets: bool = False
    tabs: bool = False
    keys: bool = False  # kitty's keyboard flags
    shape: bool = False  # the cursor's
    alternate: bool = False  # what a hidden alternate screen keeps: content, saved cursor, flags


class Grid(PyteScreen):
    """The state of the screen, a `pyte.Screen` for callers that use pyte's interface.

    Of pyte only CNL and CPL (`cursor_down1`, `cursor_up1`) and the type `Cursor` are used. All state is set here and in
    the subclasses; pyte's `__init__` is never called.
    """

    def __init__(self, columns: int, height: int, scrollback: Scrollback) -> None:
        self.columns, self.height = columns, height
        self.scrollback = scrollback
        self.cell_height = CELL_HEIGHT  # in pixels
        self.used = Used()
        self.reset()

    def reset(self) -> None:
        """RIS: reset all but the titles (xterm, VTE, xterm.js)."""
        self.rows = self.blank_rows(self.height, DEFAULT)
        self.saved = SavedCursor()
        self.kitty_stack = [0]
        self.alternate = False
        self.other = Page([], SavedCursor(), [0])
        self.cursor = Cursor(0, 0)
        self.pen: Pen = DEFAULT
        # The last action printed the grapheme left of the cursor: characters may join it, and REP repeats it.
        self.joinable = False

    def swap_pages(self, rows: list[Row]) -> None:
        """Show the hidden screen, with `rows`, and hide the shown one."""
        hidden = self.other
        self.other = Page(self.rows, self.saved, self.kitty_stack)
        self.rows = rows
        self.saved = hidden.saved
        self.kitty_stack = hidden.kitty_stack
        self.alternate = not self.alternate

    def blank_rows(self, count: int, pen: Pen) -> list[Row]:
        return [blank(self.columns, pen) for _ in range(count)]

    def line_start(self, y: int) -> int:
        """Return the first row on the screen of the logical line of row `y`."""
        while y > 0 and self.rows[y].continues:
            y -= 1
        return y

    def set_pen(self, parameters: str) -> None:
        """SGR."""
        pen = self.pen
        uncached = pen.link or len(parameters) > MAX_CACHED
        self.pen = apply_sgr(pen, parameters) if uncached else cached_sgr(pen, parameters)

    @property
    def main_rows(self) -> list[Row]:
        """The rows of the main screen, even while the alternate one shows."""
        return self.other.rows if self.alternate else self.rows
