"""Writes checkpoints: copies of screen and scrollback on disk, in case the daemon dies.

A checkpoint is written soon after output. Only output makes one due, so an idle session writes nothing and never wakes
up. Most checkpoints append the new output as it is. The file is rewritten, with what draws scrollback and screen, when
much was appended, the log has lost some of it, or the size has changed.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from itertools import chain

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.facts import Facts
from sesh.daemon.frames.findings import Findings
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.feed import ScreenFeed
from sesh.daemon.shell.history import History
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
_TIMES = 512  # seconds of output that a checkpoint knows
APPENDED = 1 << 20  # bytes of output that may be appended to a small file; then it is rewritten


class Checkpointer(Part):
    """Writes the checkpoints of a session, if it has them (`Facts.persist`)."""

    def __init__(
        self, agenda: Agenda, facts: Facts, pump: Pump, feed: ScreenFeed, findings: Findings, history: History
    ) -> None:
        super().__init__(agenda)
        self._facts = facts
        self._id = facts.id
        self._pump = pump
        self._log = pump.log
        self._feed = feed
        self._findings = findings
        self._history = history
        # `due`: time (monotonic) of the next checkpoint, or of the next part of one that is being written
        self._next_at = 0.0  # time (monotonic) at which the next checkpoint may begin
        self._steps: Generator[None, None, None] | None = None  # the rest of a checkpoint that is being written
        self._position = 0  # of the last checkpoint
        self._size = 0  # of its file, in bytes
        self._room = 0  # bytes that may be appended; without room, the file is rewritten

    def plan(self) -> None:
        """Plan a checkpoint of what the last one lacks, unless one is planned; none after the program's end."""
        if self._steps is not None:
            return
        if not (self._facts.persist and self._pump.life.running):
            self.due = NEVER
        elif self.due == NEVER and self._position < self._log.head:
            self.due = max(time.monotonic() + CHECKPOINT_AFTER, self._next_at)

    def act(self, now: float) -> None:
        """Begin a checkpoint, or write its next part. Raises OSError."""
        if self._steps is None:
            self._next_at = now + PAUSE
            self._steps = self._writing()
        self.due = 0.0
        try:
            next(self._steps)
        except StopIteration:
            self._end_steps()
        except Exception:
            self._end_steps()
            raise

    def _end_steps(self) -> None:
        self._steps = None
        self.due = NEVER
        self.plan()

    def write_last(self) -> None:
        """Write the last checkpoint. Raises OSError."""
        if not self._facts.persist:
            return
        if self._steps is not None:
            self._steps.close()  # superseded
            self._steps = None
            self.due = NEVER
        self._feed.catch_up(LAST_CATCH_UP)
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
            is_rest = self._position >= max(self._log.base, self._log.resized_at + 1)
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
        feed = self._feed
        if feed.position < self._log.resized_at or feed.in_image:
            feed.catch_up()  # what follows a resize would be drawn at the size before, an image's rest left out
            yield
        is_exact = feed.position >= self._log.resized_at
        emulator = feed.emulator
        emulator.screen.sync_scrollback()
        scrollback = emulator.screen.scrollback
        columns = emulator.columns
        parts = pieces(scrollback.since(scrollback.first), columns)
        screen = replay(emulator, lines=int(bool(scrollback.open_rows)), clear=False)
        rest = b"" if feed.in_image else self._log.content(feed.position)  # an image's rest would be shown as text
        position = feed.position + len(rest)
        header: CheckpointHeader = {
            "drawn": [columns, emulator.height],
            "size": [feed.columns, feed.rows],
            "cell_height": emulator.screen.cell_height,
            "lines": self._facts.scrollback,
        }
        may_append = is_exact and not feed.in_image
        yield  # with a long line on the screen, this took as long as a step may
        above = (lines_as_bytes(part, columns) for part in parts)
        self._size = yield from checkpoints.write(self._id, header, chain(above, [screen, rest]))
        # As much again: a file is read whole, and rewriting it takes as long as all its lines.
        self._room = min(max(APPENDED, self._size), checkpoints.MAX_CHECKPOINT - self._size) if may_append else 0
        if is_exact:  # else the next checkpoint follows even without more output
            self._position = position

    def _newest_facts(self) -> CheckpointFacts:
        emulator = self._feed.emulator
        line = emulator.cursor_line
        return {
            "written": stamp(time.time()),
            "last_activity": stamp(STEADY.wall_time(self._pump.life.last_activity)),
            "cwd": processes.directory_of(self._facts.pid, quick=True) if self._pump.life.running else "",
            "title": self._findings.title,
            "history": [command.facts for command in self._history.commands],
            "times": [(second, max(0, line - number)) for second, number in emulator.times.kept(0, _TIMES)],
            "untimed": max(0, self._position - self._feed.position),
        }
