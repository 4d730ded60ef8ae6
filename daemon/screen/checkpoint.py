"""Checkpoints: the screen and scrollback of a session, on disk soon after its output, in case its daemon dies.

Output arms one timer, and nothing else does: a session in which nothing happens writes nothing and never wakes up. What
has scrolled off goes into a file of its own, to which only what is new is added, some lines in a turn of the loop; the
screen is written behind it. If no emulator is loaded, that file has the output's bytes as they came, so that none is
loaded for it.
"""

from __future__ import annotations

import time

from sesh.bounds import scrollback_bytes
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model
from sesh.store import checkpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sesh.loop.timers import Timers
    from sesh.stored import CheckpointHeader, Kept, ModelState

    Content = tuple[ModelState, bytes, Iterable[bytes]]
    """The model's facts, its screen, and what comes before that and is not kept yet."""

PAUSE = 4.5
"""Seconds from one checkpoint to the next while output comes in: a crash costs five seconds of it at most."""
CATCH_UP, LAST_CATCH_UP = 1.0, 5.0
"""Seconds for the emulator before a checkpoint, and before the last one: as much as it may be behind takes less."""
MOST_AS_CAME = 2 << 20
"""Bytes of output that are kept as they came; for more the emulator is loaded."""
_SCREEN_ERASED, _SCROLLBACK_ERASED = b"\x1b[2J", b"\x1b[3J"
_NEAR = 16
"""Bytes within which both erasures are one command's (`clear`)."""
_AS_CAME = ()
"""The source of what is kept while no emulator is loaded, see `Checkpointer._source`."""


class Checkpointer:
    """Writes the checkpoints of session `session_id`. `header` returns their other data."""

    def __init__(
        self, session_id: str, log: OutputLog, model: Model, timers: Timers, header: Callable[[], CheckpointHeader]
    ) -> None:
        self._id, self._log, self._model, self._timers, self._header = session_id, log, model, timers, header
        self._next_at = 0.0
        """Time (monotonic) from which on the next checkpoint may begin."""
        self._steps: Iterator[None] | None = None
        """The rest of the one that is being written."""
        self._valid = checkpoints.kept_of(checkpoints.header(session_id))
        """What the last checkpoint says of the file with what scrolled off."""
        self._kept: Kept = {"file": 0, "bytes": 0, "lines": 0}
        """What has been written there since."""
        self._source: tuple[int, ...] | None = None
        """What that file holds: `_AS_CAME`, or the scrollback of this revision and width; None for nothing of use."""
        self._began, self._taken = 0, 0
        """The positions in the output, or the numbers of lines, from and up to which it holds the source."""

    def write_if_due(self) -> None:
        """Writes a part of a checkpoint if one is due, and sets the timer for the next part, or for when it is due.
        Called some time after output came."""
        now = time.monotonic()
        if self._steps is None and now < self._next_at:
            self._timers.set("checkpoint", self._next_at - now, self.write_if_due)
            return
        if self._steps is None:
            self._begin(CATCH_UP)
        self._step()
        if self._steps is not None:
            self._timers.set("checkpoint", 0, self.write_if_due)

    def write_last(self) -> None:
        """Writes the last checkpoint, with all output that the emulator takes in a few seconds. Raises OSError."""
        self._finish()
        self._begin(LAST_CATCH_UP)
        self._finish()

    def write(self) -> None:
        """Writes a checkpoint of the emulator's position now. Raises OSError."""
        self._finish()
        self._begin(0)
        self._finish()

    def _begin(self, seconds: float) -> None:
        now = time.monotonic()
        self._next_at, self._steps = now + PAUSE, self._writing(now + seconds)

    def _finish(self) -> None:
        self._timers.clear("checkpoint")
        while self._steps is not None:
            self._step()

    def _step(self) -> None:
        """Goes on with the checkpoint. After an error the next one begins a new file."""
        steps, self._steps = self._steps, None
        try:
            if steps is not None and next(steps, True) is None:
                self._steps = steps
        except Exception:
            self._source = None
            raise

    def _writing(self, until: float) -> Iterator[None]:
        """Writes a checkpoint in steps of some milliseconds. The emulator catches up with the present output first, but
        not beyond `until`."""
        content = self._as_came()
        if content is None:
            head = self._log.head
            while not self._model.loaded or (self._model.position < head and time.monotonic() < until):
                self._model.step()
                yield
            content = self._lines()
        facts, screen, parts = content
        for part in parts:
            self._kept = checkpoints.keep(self._id, self._kept, part)
            yield
        checkpoints.write(self._id, {**self._header(), "model": facts, "scrollback": self._kept}, screen)
        before, self._valid = self._valid, self._kept
        if before["file"] != self._kept["file"]:
            checkpoints.drop(self._id, before)

    def _as_came(self) -> Content | None:
        """The output's bytes; None if the emulator is loaded, or is to be."""
        log, model = self._log, self._model
        if model.loaded or log.base or log.head > MOST_AS_CAME:
            return None
        start = self._began if self._source == _AS_CAME else 0
        data = log.bytes(start)
        cleared = _cleared(data)
        if self._source != _AS_CAME or cleared:
            self._begin_file(_AS_CAME, start + cleared)
        new = data[self._taken - start :]
        self._taken = log.head
        return _sizes(model.dump(), self._began), b"", [new] if new else []

    def _lines(self) -> Content:
        """The lines of the scrollback, and the bytes that show the screen once an emulator has them."""
        from sesh.vt.render.replay import replay, scrolled

        emulator = self._model.emulator
        emulator.screen.settle_scrollback()
        scrollback, columns = emulator.scrollback, emulator.columns
        source = scrollback.revision, columns
        most = 2 * scrollback.max_lines, 2 * scrollback_bytes(scrollback.max_lines)
        if self._source != source or scrollback.completed - self._began > most[0] or self._kept["bytes"] > most[1]:
            self._begin_file(source, scrollback.completed - scrollback.lines + scrollback.open)
        parts = (scrolled(lines, columns) for lines in scrollback.since(self._taken))
        self._taken = scrollback.completed
        size = [columns, emulator.rows]
        facts: ModelState = {
            "position": 0, "size": size, "born": size, "resizes": [], "marks": [], "emulator": None,
        }  # fmt: skip
        return facts, replay(emulator, lines=int(scrollback.open), clear=False), parts

    def _begin_file(self, source: tuple[int, ...], start: int) -> None:
        """Begins a file anew, not the one that the last checkpoint needs."""
        self._kept = {"file": 1 - self._valid["file"], "bytes": 0, "lines": self._model.max_lines}
        self._source, self._began, self._taken = source, start, start


def _cleared(data: bytes) -> int:
    """The offset behind which the last `clear` was printed; 0 if there is none. What was cleared is not kept."""
    cleared = data.rfind(_SCROLLBACK_ERASED)
    return cleared if cleared >= 0 and _SCREEN_ERASED in data[max(0, cleared - _NEAR) : cleared] else 0


def _sizes(model: ModelState, start: int) -> ModelState:
    """The state of a model whose first byte is at `start`."""
    before = [size for position, *size in model["resizes"] if position <= start]
    after = [[position - start, *size] for position, *size in model["resizes"] if position > start]
    return {**model, "born": before[-1] if before else model["born"], "resizes": after}
