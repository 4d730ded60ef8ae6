"""The line at the bottom of a new session's first screen: its name, and the key that leaves.

It stands until a key is pressed, or until output may reach its row: by lines, or by moving the cursor. Output that only
erases below the cursor (as zsh's prompt does) takes it away as well, and then it is drawn again.
"""

from __future__ import annotations

import re

from sesh.client.display import unfinished_character
from sesh.vt.render.overlay import CLEAR, DIM, own_row

_HARMLESS = re.compile(
    rb"""
    [^\x1b\x0b\x0c\x84\x85\x8d]+
  | \x1b\[ [0-9;?>=<:]* [ $"]? [mKJCDGhlqnctp]
  | \x1b\[ [<=>?] [0-9;:]* u
  | \x1b\] [^\x07\x1b]* (?: \x07 | \x1b\\ )
  | \x1b[=>()] [0-9A-Z]?
    """,
    re.VERBOSE,
)
"""Text, line feeds, and sequences that move the cursor in its row only, or not at all."""
_SWITCH = re.compile(rb"\x1b\[\?[0-9;]*(?:3|47|1047|1048|1049|6|69)[hl]")
"""Modes that clear or switch the screen, save the cursor, or change origin and margins."""
_ERASED = re.compile(rb"\x1b\[0?J")
_SGR = re.compile(rb"\x1b\[[0-9;:]*m")
_RESET = (b"\x1b[m", b"\x1b[0m")
_BACKGROUND = re.compile(rb"[\[;](?:4[0-8]|10[0-7])")


class Hint:
    """A hint that `begin` draws on a blank screen; from then on output passes `around`, until `shown` is false."""

    def __init__(self, text: str, columns: int, rows: int) -> None:
        self.shown = False
        self._row = own_row(text, columns, DIM)
        self._columns = max(1, columns)
        self._room = rows - 2
        """Rows that output may still fill."""
        self._output = b""
        """All output so far: less than fills the room."""

    def begin(self) -> bytes:
        """Return the bytes that draw it on a blank screen, with the cursor at home; none if the screen is too small."""
        self.shown = self._room > 1
        return self._row + b"\x1b[1;1H" if self.shown else b""

    def end(self) -> bytes:
        """Return the bytes that remove it, and with it the saved cursor (DECSC)."""
        shown, self.shown = self.shown, False
        return CLEAR if shown else b""

    def around(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the bytes to draw before and after output, so that it and the hint do not meet."""
        self._output += data
        if not self._stays(data):
            return self.end(), b""
        erasures = list(_ERASED.finditer(data))
        if not erasures:
            return b"", b""
        if self._coloured(len(self._output) - len(data) + erasures[-1].start()):
            self.shown = False  # the last row has this colour now, and the hint's end would take it away
            return b"", b""
        return b"", b"\x1b7" + self._row + b"\x1b8"

    def _coloured(self, end: int) -> bool:
        """Return whether a background colour is set after the first `end` bytes of the output."""
        for sequence in reversed(_SGR.findall(self._output, 0, end)):
            if sequence in _RESET:
                return False
            if _BACKGROUND.search(sequence):
                return True
        return False

    def _stays(self, data: bytes) -> bool:
        """Return whether output cannot reach the last row, and ends in no sequence and no character."""
        if _HARMLESS.sub(b"", data) or _SWITCH.search(data) or unfinished_character(data[-4:]):
            return False
        return self._output.count(b"\n") + len(self._output) // self._columns < self._room
