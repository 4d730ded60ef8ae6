"""The client's own model of the screen, in step with the output that the terminal shows; it loads the emulator."""

from __future__ import annotations

import re
import time

from sesh.vt.emulator import Emulator
from sesh.vt.render import patch

_SCROLLS = re.compile(rb"[\n\x0b\x0c]|\x1b[DEM]")
_SMALL = 64
"""Bytes of output that take no time worth measuring."""

PATIENCE = 0.2
"""Seconds of work on one screen, or on one block of output, after which it is given up: of the processor, since a busy
machine keeps it from the work for longer."""
_STEP = 0.008
"""Seconds of work at a time."""


class Replica:
    """The screen at `position` of the session's output, once `build` has taken in the bytes of the daemon's MODEL."""

    def __init__(self, columns: int, rows: int, position: int, screen: bytes) -> None:
        self._emulator = Emulator(columns, rows, max_lines=1)
        self._rest, self._spent = screen, 0.0
        self.screen = self._emulator.screen
        self.position = position
        self.scrolls = False
        """True if the last output may have moved rows."""
        self.columns = columns
        """Width of the screen."""
        self.cursor = (0, 0)
        """Row and column of the cursor, from 0."""
        self.patchable = False
        """True if cells can be drawn on the terminal now."""

    def build(self) -> bool:
        """Take in some of the MODEL; return whether that was all. Raises TimeoutError past `PATIENCE`."""
        began = time.thread_time()
        self._rest = self._rest[self._emulator.feed(self._rest, _STEP) :]
        self._spent += time.thread_time() - began
        if self._rest and self._spent >= PATIENCE:
            raise TimeoutError
        self._look()
        return not self._rest

    def feed(self, position: int, data: bytes) -> None:
        """Feed output that begins at `position`, save for the bytes that the model has.

        Raises TimeoutError past `PATIENCE`.
        """
        data = data[self.position - position :]
        if self.patchable and 0 < len(data) <= _SMALL and data.isascii() and (text := data.decode()).isprintable():
            self.screen.draw(text)  # as the tokenizer would: most output is such an echo
            self.position, self.scrolls = self.position + len(data), False
            self.cursor, self.patchable = self._emulator.cursor, not self.screen.pending_wrap
            return
        alternate = self._emulator.alternate
        if len(data) <= _SMALL:
            self._emulator.feed(data)
        else:
            rest, until = data, time.thread_time() + PATIENCE
            while rest := rest[self._emulator.feed(rest, _STEP) :]:
                if time.thread_time() >= until:
                    raise TimeoutError
        self.position += len(data)
        self.scrolls = alternate != self._emulator.alternate or _SCROLLS.search(data) is not None
        self._look()

    def _look(self) -> None:
        """Note what is asked for several times for each key."""
        self.columns = self._emulator.columns
        self.cursor, self.patchable = self._emulator.cursor, patch.patchable(self._emulator)

    def grapheme(self, row: int, column: int) -> str:
        """Return the text of a cell; empty for the right half of a wide character."""
        return self.screen.rows[row].text[column]

    def before(self, row: int, column: int) -> str:
        """Return something that is the same as long as the text before this column is."""
        return "".join(self.screen.rows[row].text[:column])

    def drawn(
        self, row: int, cells: dict[int, str], column: int, *, underlined: bool, kept: dict[int, str] | None
    ) -> bytes:
        """Return the bytes that draw cells of a row, and put the cursor into `column` of it (`patch.drawn`)."""
        return patch.drawn(self.screen, row, cells, column, underlined=underlined, kept=kept)

    def restored(self, row: int, cells: dict[int, str]) -> bytes:
        """Return the bytes that draw a row anew where cells were drawn, and put the cursor where the program has it."""
        return patch.restored(self.screen, row, min(cells, default=0), max(cells, default=-1) + 1)
