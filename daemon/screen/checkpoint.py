"""Checkpoints: the screen and scrollback of a session, on disk once its output goes quiet, in case its daemon dies.

Output arms one timer, and nothing else does: a session in which nothing happens writes nothing and never wakes up. If
no emulator is loaded, the checkpoint holds the output's bytes as they came, so that none is loaded for it.
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
"""Seconds from one checkpoint to the next while output does not stop."""
TIME_SHARE, BYTES_PER_SECOND = 100, 32 << 10
"""The pause after a checkpoint: so many times its own duration, or a second for so many of its bytes if that is
longer."""
LAST_CATCH_UP = 5.0
"""Seconds for the emulator before the last checkpoint: as much as it may be behind takes less."""
LINES, TAIL = 1000, 256 << 10
"""Lines of scrollback in a checkpoint; bytes of output in it if no emulator is loaded."""

_SCREEN_ERASED, _SCROLLBACK_ERASED, _ALTERNATE = b"\x1b[2J", b"\x1b[3J", b"\x1b[?1049h"
_NEAR = 16
"""Bytes within which both erasures are one command's (`clear`)."""


class Checkpointer:
    """Writes the checkpoints of session `session_id`. `header` returns their other data."""

    def __init__(
        self, session_id: str, log: OutputLog, model: Model, timers: Timers, header: Callable[[], CheckpointHeader]
    ) -> None:
        self._id, self._log, self._model, self._timers, self._header = session_id, log, model, timers, header
        self._written_at = time.monotonic()
        self._pause = 0.0
        """Seconds until the next checkpoint may come."""

    def write_if_due(self) -> None:
        """Writes a checkpoint if it is due, else sets the timer for when it is. Called some time after output came."""
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
        """Writes the last checkpoint, with all output that the emulator takes in a few seconds. Raises OSError."""
        if self._model.loaded:
            self._model.catch_up(LAST_CATCH_UP)
        self.write()

    def write(self) -> None:
        """Writes a checkpoint now. Raises OSError."""
        began = self._written_at = time.monotonic()
        self._timers.clear("checkpoint")
        model, data = _content(self._log, self._model)
        checkpoints.write(self._id, {**self._header(), "model": model}, data)
        self._pause = max(TIME_SHARE * (time.monotonic() - began), len(data) / BYTES_PER_SECOND)


def _content(log: OutputLog, model: Model) -> tuple[ModelState, bytes]:
    """The state of a model, and the bytes that show the session once that model has read them."""
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
    """The offset of the first byte worth keeping: behind the last `clear`, and at most `TAIL` bytes from the end."""
    cleared = data.rfind(_SCROLLBACK_ERASED)
    if cleared < 0 or _SCREEN_ERASED not in data[max(0, cleared - _NEAR) : cleared]:
        cleared = 0
    line = data.find(b"\n", len(data) - TAIL) + 1 if len(data) - cleared > TAIL else 0
    return line if line > cleared and _ALTERNATE not in data[cleared:line] else cleared


def _sizes(model: ModelState, start: int) -> ModelState:
    """The state of a model whose first byte is at `start`."""
    before = [size for position, *size in model["resizes"] if position <= start]
    after = [[position - start, *size] for position, *size in model["resizes"] if position > start]
    return {**model, "born": before[-1] if before else model["born"], "resizes": after}
