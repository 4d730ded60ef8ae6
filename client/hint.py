"""The line at the bottom of a new session's first screen: its name, and the key that leaves.

It stands until a key is pressed, or until output may reach its row: lines, and what moves the cursor. Output that only
erases below the cursor (as zsh's prompt does) takes it away as well, and then it is drawn again.
"""

from __future__ import annotations

import re

from sesh.client.display import ends_within_character
from sesh.vt.render.overlay import CLEAR, DIM, overlay

_HARMLESS = re.compile(
    rb"""
      [^\x1b\x0b\x0c\x84\x85\x8d]
    | \x1b\[ [0-9;?>=<:]* [ $"!]? [mKJCDGhlqunctp]
    | \x1b\] [^\x07\x1b]* (?: \x07 | \x1b\\ )
    | \x1b[=>()] [0-9A-Z]?
    """,
    re.VERBOSE,
)
_SWITCH = re.compile(rb"\x1b\[\?[0-9;]*(?:47|1047|1049|6|69)[hl]")
_ERASED = re.compile(rb"\x1b\[0?J")


class Hint:
    """`begin` draws it; from then on output passes `around`, until `shown` is false."""

    def __init__(self, text: str, columns: int, rows: int) -> None:
        self.shown = False
        self._text, self._columns = text, max(1, columns)
        self._room = rows - 2
        """Rows that output may still fill."""
        self._part = 0

    def begin(self) -> bytes:
        """What draws it; nothing where the screen is too small."""
        self.shown = self._room > 1
        return overlay(self._text, self._columns, DIM) if self.shown else b""

    def end(self) -> bytes:
        """What takes it away."""
        shown, self.shown = self.shown, False
        return CLEAR if shown else b""

    def around(self, data: bytes) -> bytes:
        """Output, with what keeps it and the line apart."""
        if not self._stays(data):
            return self.end() + data
        return data + overlay(self._text, self._columns, DIM) if _ERASED.search(data) else data

    def _stays(self, data: bytes) -> bool:
        """Whether output cannot reach the last row, and ends in no sequence and no character."""
        if _HARMLESS.sub(b"", data) or _SWITCH.search(data) or ends_within_character(data[-4:]):
            return False
        self._part += len(data)
        self._room -= data.count(b"\n") + self._part // self._columns
        self._part %= self._columns
        return self._room > 0
