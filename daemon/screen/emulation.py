"""The emulator's moments: it follows the output when nothing else is to be done, a few milliseconds at a time."""

from __future__ import annotations

from collections.abc import Callable

from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model, Packer
from sesh.loop.timers import Timers

_AGAIN = 0.1
"""Seconds until a step that failed is tried again, and between two looks whether one is due."""


class Emulation:
    """Steps a model by a timer, and packs what it holds at rest. `stepped` is called after each step."""

    def __init__(self, log: OutputLog, model: Model, timers: Timers, stepped: Callable[[], object]) -> None:
        self._model, self._timers, self._stepped = model, timers, stepped
        self._packer = Packer(log, model, timers)

    def stir(self) -> None:
        """Have the model follow output that has come, unless it is so little that it may wait for more."""
        self._packer.stir()
        if not self._model.waits_for_more:
            self._timers.set("emulator", min(self._model.wait_time(), _AGAIN), self._step)

    def _step(self) -> None:
        wait = self._model.wait_time()
        if wait <= 0.0:
            self._timers.set("emulator", _AGAIN, self._step)
            self._model.step()
            self._stepped()
        if self._model.waits_for_more:
            self._timers.clear("emulator")
        else:
            self._timers.set("emulator", min(wait, _AGAIN), self._step)  # it may be overdue by then
