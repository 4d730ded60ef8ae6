"""Checkpoints: the screen and scrollback of a session, on disk soon after its output, in case its daemon dies.

Output arms one timer, and nothing else does: a session in which nothing happens writes nothing and never wakes up. What
has scrolled off goes into a file of its own, to which only what is new is added, some lines in a turn of the loop; the
screen is written behind it, and behind that the output that the emulator has not read.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple

from sesh.bounds import scrollback_bytes
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model
from sesh.loop.timers import Timers
from sesh.store import checkpoints
from sesh.stored import CheckpointHeader, ScrolledOff
from sesh.vt.render.replay import replay, scrolled

PAUSE = 4.0
"""Seconds from the beginning of a checkpoint to that of the next while output comes in: with the time that it takes, a
crash costs five seconds of output."""
CATCH_UP, LAST_CATCH_UP = 0.8, 5.0
"""Seconds for the emulator before a checkpoint, and before the last one: as much as it may be behind takes less."""
LONGEST_PAUSE = 60.0
"""Seconds to which the pause grows, twice as long each time, while checkpoints fail."""
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
"""Errors that say nothing against the file that is written."""


class _Lines(NamedTuple):
    """What a file holds: lines that scrolled off, from number `start` to `end`, as long as the scrollback keeps its
    `source`: the revision, and the columns."""

    source: tuple[int, int]
    start: int
    end: int


class _Content(NamedTuple):
    """What a checkpoint is to hold.

    `position`: of the output up to which it shows it. `header`: its own part of that. `off`: the file that `parts` go
    into, behind what is there; `held`: what that holds then.
    """

    position: int
    header: CheckpointHeader
    screen: bytes
    off: ScrolledOff
    held: _Lines
    parts: Iterable[bytes]


class Checkpointer:
    """Writes the checkpoints of session `session_id`. `header` returns their other data.

    What the last one needs stays as it is until the next one is in place; what that had written is taken back if it
    fails, so that it takes no room on a full disk.
    """

    def __init__(
        self, session_id: str, log: OutputLog, model: Model, timers: Timers, header: Callable[[], CheckpointHeader]
    ) -> None:
        self._id, self._log, self._model, self._timers, self._header = session_id, log, model, timers, header
        self._next_at, self._pause = 0.0, PAUSE
        """Time (monotonic) from which on the next checkpoint may begin, and the seconds to the one after it."""
        self._steps: Generator[None, None, None] | None = None
        """The rest of the one that is being written."""
        self._off = checkpoints.scrolled_off(checkpoints.header(session_id))
        """What the last checkpoint says of the file with what scrolled off."""
        self._held: _Lines | None = None
        """What that file holds; None for nothing of use, as it is another process' or was found broken."""
        self._position = 0
        """That of the output up to which the last checkpoint shows it."""

    def write_if_due(self) -> None:
        """Writes a part of a checkpoint if one is due, and sets the timer for the next part, or for when the next is
        due if there is something to write. Called some time after output came. Raises OSError."""
        self._timers.clear("checkpoint")
        now = time.monotonic()
        steps, self._steps = self._steps, None
        if steps is None and now >= self._next_at:
            self._next_at, steps = now + self._pause, self._writing(now + CATCH_UP)
        try:
            if steps is not None and next(steps, True) is None:
                self._steps = steps
        except Exception:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            raise
        finally:
            if self._steps is not None:
                self._timers.set("checkpoint", 0, self.write_if_due)
            elif self._position < self._log.head:  # it came meanwhile, or was not kept
                self._timers.set("checkpoint", max(0.0, self._next_at - now), self.write_if_due)

    def write_last(self) -> None:
        """Writes the last checkpoint, with all output that the emulator takes in a few seconds. Raises OSError."""
        self._timers.clear("checkpoint")
        if self._steps is not None:
            self._steps.close()  # this one has all of it
            self._steps = None
        until = time.monotonic() + LAST_CATCH_UP
        try:
            self._write(until)
        except Exception:
            self._write(until)  # no later one makes up for an error that passes

    def _write(self, until: float) -> None:
        for _ in self._writing(until):
            pass

    def _writing(self, until: float) -> Generator[None, None, None]:
        """Writes a checkpoint in steps of some milliseconds. The emulator catches up with the present output first, but
        not beyond `until`."""
        head = self._log.head
        while self._model.position < head and time.monotonic() < until:
            self._model.step()
            yield
        content = self._content()
        off = content.off
        try:
            for part in content.parts:
                off = checkpoints.extend(self._id, off, part)
                yield
            header: CheckpointHeader = {**self._header(), **content.header, "scrollback": off}
            checkpoints.write(self._id, header, content.screen)
        except BaseException as error:  # GeneratorExit too: it is not wanted any more
            if isinstance(error, OSError) and error.errno not in _PASSING:
                self._held = None
            self._take_back(off)
            raise
        self._off, self._held, self._position, self._pause = off, content.held, content.position, PAUSE
        checkpoints.drop(self._id, 1 - off["file"])

    def _take_back(self, off: ScrolledOff) -> None:
        """Takes back what was written behind what the last checkpoint needs."""
        try:
            if off["file"] == self._off["file"] and self._off["bytes"]:
                checkpoints.extend(self._id, self._off, b"")
            else:
                checkpoints.drop(self._id, off["file"])
        except OSError:
            return  # the next one writes over it

    def _content(self) -> _Content:
        """The lines of the scrollback, and the bytes that show the screen once an emulator has them: where this one is
        behind, the rest of the output stands at their end, whose lines scroll off then."""
        emulator = self._model.emulator
        emulator.screen.settle_scrollback()
        scrollback, columns = emulator.scrollback, emulator.columns
        source, completed = (scrollback.revision, columns), scrollback.completed
        most = 2 * scrollback.max_lines, 2 * scrollback_bytes(scrollback.max_lines)
        held = self._held if self._held is not None and self._held.source == source else None
        if held is None or completed - held.start > most[0] or self._off["bytes"] > most[1]:
            start = end = scrollback.first  # into the file that the last checkpoint does not need
            off: ScrolledOff = {"file": 1 - self._off["file"], "bytes": 0, "lines": self._model.max_lines}
        else:
            start, end, off = held.start, held.end, self._off
        screen = replay(emulator, lines=int(scrollback.open), clear=False)
        if len(screen) > checkpoints.LARGEST:
            screen = "\r\n".join(emulator.text()).encode("utf-8", "replace")[: checkpoints.LARGEST]
        screen += self._model.rest()[: checkpoints.LARGEST - len(screen)]
        size = [self._model.columns, self._model.rows]
        header: CheckpointHeader = {"drawn": [columns, emulator.rows], "size": size}
        parts = (scrolled(lines, columns) for lines in scrollback.since(end))
        return _Content(self._model.position, header, screen, off, _Lines(source, start, completed), parts)
