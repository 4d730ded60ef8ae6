"""Writes checkpoints: copies of screen and scrollback on disk, in case the daemon dies.

A checkpoint is written soon after output. Only output sets the timer, so an idle session writes nothing and never wakes
up. Most checkpoints append the new output as it is. The file is rewritten, with what draws scrollback and screen, when
much was appended, the log has lost some of it, or the size has changed.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from itertools import chain

from sesh.daemon.base.facts import Facts
from sesh.daemon.findings import Findings
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.model import Model
from sesh.daemon.shell.queue import RunQueue
from sesh.loop.timers import Timers
from sesh.schema.facts import CheckpointFacts, CheckpointHeader
from sesh.store import checkpoints
from sesh.system import processes
from sesh.system.clock import STEADY
from sesh.text.times import stamp
from sesh.vt.render.replay import lines_as_bytes, pieces, replay

CHECKPOINT_AFTER = 1.0  # seconds from output to its checkpoint, or more if `PAUSE` is not over
PAUSE = 4.0
"""During output, seconds from the start of one checkpoint to the start of the next. A crash loses at most five seconds
of output: this pause, and the time that a checkpoint takes."""
LAST_CATCH_UP = 5.0  # seconds for the emulator to catch up before the last checkpoint: enough for its largest lag
APPENDED = 1 << 20  # bytes of output that may be appended to a small file; then it is rewritten


class Checkpointer:
    """Writes the checkpoints of a session, if it has them (`Facts.persist`)."""

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
        self._position = 0  # of the last checkpoint
        self._size = 0  # of its file, in bytes
        self._room = 0  # bytes that may be appended; without room, the file is rewritten

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
            self._steps = self._writing()
        try:
            if self._steps is not None:
                next(self._steps)
        except StopIteration:
            self._steps = None
        except Exception:
            self._steps = None
            raise
        finally:
            if self._steps is not None:
                self._timers.set(self.write_if_due, 0)
            elif self._position < self._log.head:  # output came meanwhile, or writing failed
                self._timers.set(self.write_if_due, max(0.0, self._next_at - now))

    def write_last(self) -> None:
        """Write the last checkpoint. Raises OSError."""
        if not self._facts.persist:
            return
        self._timers.clear(self.write_if_due)
        if self._steps is not None:
            self._steps.close()  # superseded
            self._steps = None
        self._model.catch_up(LAST_CATCH_UP)
        try:
            self._write()
        except Exception:
            self._write()  # retry once, as no later checkpoint follows

    def _write(self) -> None:
        for _ in self._writing():
            pass

    def _writing(self) -> Generator[None, None, None]:
        """Write a checkpoint in steps."""
        try:
            new = self._log.content(self._position)
            is_rest = self._position >= max(self._log.base, self._model.resized_at + 1)
            if not is_rest or len(new) >= self._room:
                yield from self._rewrite()
            elif new:
                self._size = checkpoints.extend(self._id, self._size, new)
                self._position += len(new)
                self._room -= len(new)
            checkpoints.write_facts(self._id, self._newest_facts())
        except BaseException:  # also if it is superseded
            self._room = 0
            raise

    def _rewrite(self) -> Generator[None, None, None]:
        self._room = 0
        model = self._model
        if model.position < model.resized_at or model.in_image:
            model.catch_up()  # what follows a resize would be drawn at the size before, an image's rest left out
            yield
        is_exact = model.position >= model.resized_at
        emulator = model.emulator
        emulator.settle().sync_scrollback()
        scrollback = emulator.settle().scrollback
        columns = emulator.columns
        parts = pieces(scrollback.since(scrollback.first), columns)
        screen = replay(emulator, lines=int(bool(scrollback.open_rows)), clear=False)
        rest = b"" if model.in_image else self._log.content(model.position)  # an image's rest would be shown as text
        position = model.position + len(rest)
        header: CheckpointHeader = {
            "drawn": [columns, emulator.height],
            "size": [model.columns, model.rows],
            "cell_height": emulator.settle().cell_height,
            "lines": self._facts.scrollback,
        }
        may_append = is_exact and not model.in_image
        yield  # with a long line on the screen, this took as long as a step may
        above = (lines_as_bytes(part, columns) for part in parts)
        self._size = yield from checkpoints.write(self._id, header, chain(above, [screen, rest]))
        # As much again: a file is read whole, and rewriting it takes as long as all its lines.
        self._room = min(max(APPENDED, self._size), checkpoints.MAX_CHECKPOINT - self._size) if may_append else 0
        if is_exact:  # else the next checkpoint follows even without more output
            self._position = position

    def _newest_facts(self) -> CheckpointFacts:
        return {
            "written": stamp(time.time()),
            "last_activity": stamp(STEADY.wall_time(self._pump.life.last_activity)),
            "cwd": processes.directory_of(self._facts.pid, quick=True) if self._pump.life.running else "",
            "title": self._findings.title,
            "history": [command.facts for command in self._runs.history.commands],
        }
