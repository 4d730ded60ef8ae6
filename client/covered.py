"""The screen below a line of sesh's own."""

from __future__ import annotations

import time

from sesh.vt.emulator import Emulator
from sesh.vt.render.last_row import coverable, last_row

_FOLLOW_TIMEOUT = 0.05  # seconds of processor time for one frame; a screen that takes more is no longer followed
_STEP = 0.008  # seconds of processor time between two checks of `_FOLLOW_TIMEOUT`


class CoveredScreen:
    """The terminal's screen without the line, followed by an emulator, so that its last row can be put back."""

    def __init__(self, columns: int, rows: int) -> None:
        self._emulator = Emulator(columns, rows, max_lines=1)

    def follow(self, data: bytes) -> bool:
        """Follow what the terminal is shown; return False if that takes too long."""
        deadline = time.thread_time() + _FOLLOW_TIMEOUT
        while data := data[self._emulator.feed(data, _STEP) :]:
            if time.thread_time() >= deadline:
                return False
        return True

    @property
    def coverable(self) -> bool:
        """True unless a line would cut off an image or a long string of the program's."""
        return coverable(self._emulator)

    @property
    def last_row(self) -> bytes:
        """The bytes that put back the last row, and all that the line has changed."""
        return last_row(self._emulator)
