"""The state that the main and the alternate screen have separately."""

from __future__ import annotations

from typing import NamedTuple

from sesh.vt.charsets import DEFAULT_SETS, Charsets
from sesh.vt.pen import DEFAULT, Pen
from sesh.vt.row import Row


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

    @property
    def place(self) -> tuple[int, int]:
        return self.row, self.column

    def moved(self, place: tuple[int, int]) -> SavedCursor:
        """Return a copy at another row and column."""
        return self._replace(row=place[0], column=place[1])


class Page(NamedTuple):
    """The hidden screen."""

    rows: list[Row]  # none for the alternate screen, unless mode 47 left content there
    saved: SavedCursor
    kitty_stack: list[int]  # the stack of kitty keyboard flags, the current ones last
