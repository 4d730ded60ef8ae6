"""Checkpoints: what a session shows is written to disk when its output goes quiet, for the case that its daemon dies.

Output arms one timer, and nothing else does: a session in which nothing happens writes nothing and never wakes up. A
checkpoint of a session whose emulator was never loaded holds its bytes as they came, so that none is loaded for it.
"""

from __future__ import annotations

import time

from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model
from sesh.store import checkpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.loop.timers import Timers
    from sesh.schema import CheckpointHeader, ModelState

QUIET = 1.0
"""Seconds without output after which a checkpoint is written."""
BUSY = 30.0
"""Seconds between two checkpoints while output does not stop."""
TIME_SHARE, BYTES_PER_SECOND = 100, 32 << 10
"""After a checkpoint comes no other for so many times the time it took, and for a second per so many bytes of it."""
LAST_CATCH_UP = 5.0
"""Seconds that the emulator gets before the last checkpoint: as much as it may be behind takes less."""
LINES, TAIL = 1000, 256 << 10
"""Lines of scrollback that are kept; bytes, if no emulator has seen them."""

_SCREEN_ERASED, _SCROLLBACK_ERASED, _ALTERNATE = b"\x1b[2J", b"\x1b[3J", b"\x1b[?1049h"
_NEAR = 16
"""Bytes within which both erasures stand if one command (`clear`) wrote them."""


class Checkpointer:
    """Writes the checkpoints of session `session_id`. `header` gives what is written beside the screen."""

    def __init__(
        self, session_id: str, log: OutputLog, model: Model, timers: Timers, header: Callable[[], CheckpointHeader]
    ) -> None:
        self._id, self._log, self._model, self._timers, self._header = session_id, log, model, timers, header
        self._written_at = time.monotonic()
        self._pause = 0.0
        """Seconds until the next one may come."""

    def write_if_due(self) -> None:
        """Some time after output came: writes a checkpoint if it is time to, else checks again later."""
        now = time.monotonic()
        due = max(self._log.appended_at + QUIET, self._written_at + self._pause)
        due = min(due, self._written_at + BUSY)
        if now >= due and self._model.has_work and not self._model.loaded:
            due = now + QUIET  # the emulator is about to be loaded
        if now < due:
            self._timers.set("checkpoint", due - now, self.write_if_due)
        else:
            self.write()

    def write_last(self) -> None:
        """Writes the last one, with all output as far as the emulator comes in some seconds. Raises OSError."""
        if self._model.loaded:
            self._model.catch_up(LAST_CATCH_UP)
        self.write()

    def write(self) -> None:
        """Writes one now. Raises OSError."""
        began = self._written_at = time.monotonic()
        self._timers.clear("checkpoint")
        model, data = _content(self._log, self._model)
        checkpoints.write(self._id, {**self._header(), "model": model}, data)
        self._pause = max(TIME_SHARE * (time.monotonic() - began), len(data) / BYTES_PER_SECOND)

    def remove(self) -> None:
        """Removes the checkpoint of a session that has ended."""
        self._timers.clear("checkpoint")
        checkpoints.remove(self._id)


def _content(log: OutputLog, model: Model) -> tuple[ModelState, bytes]:
    """The bytes that show the session, and the sizes at which a model is to take them, as `Model.dump` has them."""
    if not model.loaded and log.base == 0:
        data = log.bytes(0)
        start = _first_needed(data)
        return _sizes(model.dump(), start), data[start:]
    from sesh.vt.render.replay import replay

    lines = LINES
    data = replay(model.emulator, lines=lines, clear=False)
    while len(data) > checkpoints.LARGEST and lines:
        lines //= 4
        data = replay(model.emulator, lines=lines, clear=False)
    size = [model.emulator.columns, model.emulator.rows]
    return {"position": 0, "size": size, "born": size, "resizes": [], "marks": [], "emulator": None}, data


def _first_needed(data: bytes) -> int:
    """The offset of the first byte worth keeping: behind what a person has cleared, and at most `TAIL` from the end."""
    cleared = data.rfind(_SCROLLBACK_ERASED)
    if cleared < 0 or _SCREEN_ERASED not in data[max(0, cleared - _NEAR) : cleared]:
        cleared = 0
    line = data.find(b"\n", len(data) - TAIL) + 1 if len(data) - cleared > TAIL else 0
    return line if line > cleared and _ALTERNATE not in data[cleared:line] else cleared


def _sizes(model: ModelState, start: int) -> ModelState:
    """The state of a model whose first byte is the one at `start`."""
    before = [size for position, *size in model["resizes"] if position <= start]
    after = [[position - start, *size] for position, *size in model["resizes"] if position > start]
    return {**model, "born": before[-1] if before else model["born"], "resizes": after}
