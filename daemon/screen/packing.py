"""Compresses the scrollback in idle moments, and gives the freed memory back to the system."""

from __future__ import annotations

import ctypes
import time
from contextlib import suppress

from sesh.daemon.screen.model import STEP_TIME, Model
from sesh.loop.timers import Timers

AFTER = 2.0  # seconds after the emulator's last step until its scrollback is compressed
_LIBC = ctypes.CDLL(None)  # loaded once: each CDLL makes a class, which only the garbage collector frees


class Packer:
    """Compresses the scrollback of a session that prints nothing, step by step."""

    def __init__(self, model: Model, timers: Timers) -> None:
        self._model = model
        self._timers = timers

    def schedule(self) -> None:
        """Compress once the emulator has been idle for `AFTER`."""
        self._timers.set(self.pack, AFTER)

    def pack(self) -> None:
        """Compress for `STEP_TIME`; the rest waits for the loop's next turn."""
        until = time.monotonic() + STEP_TIME
        for _ in self._model.emulator.settle().scrollback.pack():
            if time.monotonic() >= until:
                self._timers.set(self.pack, 0)
                return
        with suppress(AttributeError):  # only some systems have malloc_trim(3)
            _LIBC.malloc_trim(0)  # glibc itself keeps the freed lines, which lie between others
