"""Writes checkpoints: copies of screen and scrollback on disk, in case the daemon dies.

A checkpoint is written soon after output. Only output sets the timer, so an idle session writes nothing and never wakes
up. The scrollback has a file of its own, to which new lines are appended, some in each turn of the loop. A second file
contains the screen, followed by the output that the emulator has not read.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from typing import NamedTuple

from sesh import machine
from sesh.daemon.base.facts import Facts
from sesh.daemon.findings import Findings
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import Model
from sesh.daemon.shell.queue import RunQueue
from sesh.loop.timers import Timers
from sesh.measures import STEADY, scrollback_bytes, stamp
from sesh.schema import CheckpointHeader, ScrolledOff
from sesh.store import checkpoints
from sesh.vt.render.replay import lines_as_bytes, pieces, replay

CHECKPOINT_AFTER = 1.0  # seconds from output to its checkpoint, or more if `PAUSE` is not over
PAUSE = 4.0
"""During output, seconds from the start of one checkpoint to the start of the next. A crash loses at most five seconds
of output: this pause, and the time that a checkpoint takes."""
CATCH_UP = 0.8  # seconds for the emulator to catch up before a checkpoint
LAST_CATCH_UP = 5.0  # seconds for it before the last checkpoint: enough for its largest lag
RETRY_AFTER = 30.0  # seconds after a failed checkpoint until the next one
MAX_HISTORY = 32 << 10  # bytes of commands in a checkpoint; older ones are left out


class _File(NamedTuple):
    """The scrollback file. It contains the lines after number `start`, up to `end`."""

    off: ScrolledOff  # what the checkpoint's header says of the file
    source: tuple[int, int] | None = None
    """The scrollback's revision and columns: if one changes, the file starts again. None: another process has written
    the file, or it is damaged."""
    start: int = 0
    end: int = 0


class Checkpointer:
    """Writes the checkpoints of a session, if it has them (`Facts.persist`).

    The files of the last checkpoint stay valid until the next one is complete. After a failure the next one begins the
    scrollback file that the last one does not use.
    """

    def __init__(
        self, facts: Facts, pump: Pump, model: Model, timers: Timers, findings: Findings, runs: RunQueue
    ) -> None:
        self._facts = facts
        self._id = facts.id
        self._pump = pump
        self._log = pump.log
        self._model = model
        self._findings = findings
        self._runs = runs
        self._timers = timers
        self._next_at = 0.0  # time (monotonic) at which the next checkpoint may begin
        self._steps: Generator[None, None, None] | None = None  # the rest of a checkpoint that is being written
        self._file = _File(checkpoints.scrolled_off(checkpoints.header(self._id)))
        self._position = 0  # of the last checkpoint

    def schedule(self) -> None:
        """Schedule a checkpoint after output. If writing it fails, `write_if_due` schedules a later one."""
        if self._facts.persist and self._pump.life.running:
            self._timers.ensure(self.write_if_due, CHECKPOINT_AFTER)

    def write_if_due(self) -> None:
        """Write a checkpoint's next part, if due, and set the timer. Raises OSError."""
        self._timers.clear(self.write_if_due)
        now = time.monotonic()
        if self._steps is None and now >= self._next_at:
            self._next_at = now + PAUSE
            self._steps = self._writing(now + CATCH_UP)
        try:
            if self._steps is not None:
                next(self._steps)
        except StopIteration:
            self._steps = None
        except Exception:
            self._steps = None
            self._next_at = now + RETRY_AFTER
            raise
        finally:
            if self._steps is not None:
                self._timers.set(self.write_if_due, 0)
            elif self._position < self._log.head:  # output came meanwhile, or writing failed
                self._timers.set(self.write_if_due, max(0.0, self._next_at - now))

    def write_last(self) -> None:
        """Write the last checkpoint; the emulator gets some seconds to catch up before. Raises OSError."""
        if not self._facts.persist:
            return
        self._timers.clear(self.write_if_due)
        if self._steps is not None:
            self._steps.close()  # superseded
            self._steps = None
        until = time.monotonic() + LAST_CATCH_UP
        try:
            self._write(until)
        except Exception:
            self._write(until)  # retry once, as no later checkpoint follows

    def _write(self, until: float) -> None:
        for _ in self._writing(until):
            pass

    def _writing(self, until: float) -> Generator[None, None, None]:
        """Write a checkpoint in steps; until `until`, first let the emulator catch up."""
        model = self._model
        head = self._log.head
        while model.position < head and model.wait_time() is not None and time.monotonic() < until:
            model.step()
            yield
        emulator = model.emulator
        position = self._log.head
        size = [model.columns, model.rows]
        drawn = [emulator.columns, emulator.height]
        file, parts = self._next_file()
        screen = self._screen()
        yield  # with a long line on the screen, this took as long as a step may
        off = file.off
        try:
            for part in parts:
                off = checkpoints.extend(self._id, off, part)
                yield
            header: CheckpointHeader = {**self._header(), "size": size, "drawn": drawn, "scrollback": off}
            checkpoints.write(self._id, header, screen)
        except Exception:
            self._file = self._file._replace(source=None)
            with suppress(OSError):  # it takes space on a full disk
                checkpoints.drop(self._id, 1 - self._file.off["file"])
            raise
        self._file = file._replace(off=off)
        self._position = position
        checkpoints.drop(self._id, 1 - off["file"])

    def _next_file(self) -> tuple[_File, Iterable[bytes]]:
        """Return the scrollback file's next state, except its size, and the lines to append."""
        emulator = self._model.emulator
        last = self._file
        emulator.settle().sync_scrollback()
        scrollback = emulator.settle().scrollback
        columns = emulator.columns
        source = (scrollback.revision, columns)
        end = scrollback.end
        is_long = end - last.start > 2 * scrollback.max_lines
        is_large = last.off["bytes"] > 2 * scrollback_bytes(scrollback.max_lines)
        if last.source != source or is_long or is_large:
            # Start over, in the file that the last checkpoint does not use.
            off: ScrolledOff = {"file": 1 - last.off["file"], "bytes": 0, "lines": scrollback.max_lines}
            last = _File(off, source, scrollback.first, scrollback.first)
        parts = pieces(scrollback.since(last.end), columns)
        return last._replace(end=end), (lines_as_bytes(part, columns) for part in parts)

    def _screen(self) -> bytes:
        """Return bytes that draw the screen, then the output that the emulator has not read."""
        model = self._model
        emulator = self._model.emulator
        screen = replay(emulator, lines=int(bool(emulator.settle().scrollback.open_rows)), clear=False)
        if len(screen) > checkpoints.LARGEST:
            screen = "\r\n".join(emulator.text()).encode("utf-8", "replace")[: checkpoints.LARGEST]
        rest = b"" if model.in_image else self._log.content(model.position)  # its rest would be shown as text
        return screen + rest[: checkpoints.LARGEST - len(screen)]

    def _header(self) -> CheckpointHeader:
        return {
            "written": stamp(time.time()),
            "last_activity": stamp(STEADY.wall_time(self._pump.life.last_activity)),
            "cwd": machine.directory_of(self._facts.pid, quick=True) if self._pump.life.running else "",
            "title": self._findings.title,
            "history": self._runs.history.newest(MAX_HISTORY),
        }
