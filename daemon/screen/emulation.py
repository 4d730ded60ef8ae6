"""Lets the emulator follow the output when nothing else is to be done, a few milliseconds at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from sesh import system
from sesh.daemon.screen.model import STEP_TIME, Model
from sesh.loop.timers import Timers

PACK_AFTER = 2.0
"""Seconds after the last step until the scrollback is packed."""


class Emulation:
    """Steps a model by a timer, and packs its scrollback at rest. `stepped` is called after each step."""

    def __init__(self, model: Model, timers: Timers, stepped: Callable[[], object]) -> None:
        self._model, self._timers, self._stepped = model, timers, stepped

    def follow(self) -> None:
        """Follow output that has come, unless it is so little that it may wait for more."""
        seconds = self._model.wait_time()
        if seconds is None:
            self._timers.clear("emulator")
        else:
            self._timers.set("emulator", seconds, self._step)

    def _step(self) -> None:
        try:
            if not self._model.wait_time():
                self._timers.set("pack", PACK_AFTER, self._pack)
                self._model.step()
                self._stepped()
        finally:
            self.follow()

    def _pack(self) -> None:
        until = time.monotonic() + STEP_TIME
        for _ in self._model.emulator.scrollback.pack():
            if time.monotonic() >= until:
                self._timers.set("pack", 0, self._pack)
                return
        system.give_back()
