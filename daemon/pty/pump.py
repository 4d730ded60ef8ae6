"""Moves the program's bytes: output from its pty into the log, input from clients and requests into its pty.

Beside the pump stand the parts that input passes: the queue of units that the program has not taken yet, the line that
a person is typing, and the pipe that is a job's standard input.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Protocol

from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.typed_line import TypedLine
from sesh.loop.loop import READ, WRITE, Loop
from sesh.messages import Answer
from sesh.moments import STEADY
from sesh.queries import Finding, QueryScanner

if TYPE_CHECKING:
    from typing_extensions import Unpack


Unit = tuple[Hashable, memoryview, Callable[[bool], None] | None]


class Feeder(Protocol):
    """The connection that a job's standard input comes from."""

    closed: bool

    def respond(self, request: int, data: bytes = b"", **values: Unpack[Answer]) -> None: ...


WINDOW = 256 << 10
"""Bytes of INPUT that a client may send without an ACK; the daemon stops reading one that has twice as many waiting."""
LIMIT = 4 << 20
"""Bytes of input that may wait in all; `--send` is refused beyond it."""
MAX_ANSWERS = 4 << 10
"""Bytes of automatic answers that may wait for the program; further ones are dropped, as a terminal does."""
OWN_WRITERS = frozenset(("answers", "run"))
"""Writers of the daemon itself: their bytes are not part of a line that a person types."""
REOPEN_AFTER = 1.0
"""Seconds after which a terminal that could not be read is read again, while the program runs."""
CHECKPOINT_AFTER = 1.0
"""Seconds after output came until `checkpoint` is called."""


class Pump:
    """The program's two directions, and the times of their last bytes.

    `passing` returns the part of a block that clients may see. `deliver` sends the block that was added to the log to
    its readers. `stirred` is called when the program has written or a unit was typed. `report` is called with the
    findings of the query scanner in a block, and the block's position. `checkpoint` is called some time after output
    came.
    """

    def __init__(
        self,
        log: OutputLog,
        loop: Loop,
        life: Life,
        *,
        passing: Callable[[bytes], bytes],
        deliver: Callable[[bytes], object],
        stirred: Callable[[], None],
        report: Callable[[list[Finding], int], None],
        checkpoint: Callable[[], None],
    ) -> None:
        self.log, self.timers = log, loop.timers
        self.pty: Pty | None = None
        self._loop, self._life = loop, life
        self._passing, self._deliver, self._stirred = passing, deliver, stirred
        self._report, self._checkpoint = report, checkpoint
        self.scanner = QueryScanner()
        self.input = InputQueue()
        self.typed_line = TypedLine()
        self.stdin: StdinPipe | None = None
        """The standard input of a job that is fed."""
        self.open = False
        """True if the terminal is still open on the program's side."""
        self._paused = False
        """True while the program waits for its readers."""
        self.asked_status = 0
        """How often the last block asked for OSC 7501."""
        self.last_activity = STEADY.now()
        self.sent_at: int | None = None
        """The log's head when a request last typed something; None before that."""
        self.typed_at = 0.0
        """Time (monotonic) at which anybody last typed."""
        self.attended_at = 0.0
        """Time (monotonic) at which an attached person last typed."""

    @property
    def running(self) -> bool:
        """True until the program has ended."""
        return self._life.running

    def pace(self, *, paused: bool) -> None:
        """Read from the program, or let it wait; write to it if input waits."""
        self._paused = paused
        if self.pty is not None and self.pty.descriptor >= 0:
            reads = READ if self.open and not paused else 0
            self._loop.watch(self.pty.descriptor, reads | (WRITE if self.open and self.input else 0), self._ready)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self.drain()
        if events & READ:
            self.take()

    def take(self) -> bool:
        """Reads some of the program's output and passes it on; returns False if there was none."""
        if self.pty is None or not self.open:
            return False
        block, self.open = self.pty.read()
        if not self.open:
            self.pace(paused=self._paused)
            if self.running:
                self.timers.ensure("reopen", REOPEN_AFTER, self.reopen)
        if not block:
            return False
        if block := self._passing(block):
            self.add(block)
        return True

    def add(self, block: bytes) -> None:
        """Adds output of the program to the log, and passes it on."""
        start, self.asked_status = self.log.head, 0
        try:
            findings = self.scanner.find(block)
        finally:
            self.log.append(block)
        if not findings:
            self._deliver(block)
        self.last_activity = STEADY.now()
        self.timers.ensure("checkpoint", CHECKPOINT_AFTER, self._checkpoint)
        self._stirred()
        if findings:  # readers get a query only once it is noted which of them answers it
            self._report(findings, start)
            self._deliver(block)

    def reopen(self) -> None:
        """Reads from the terminal again after that failed."""
        self.open = self.running
        self.pace(paused=self._paused)

    def show(self, data: bytes) -> None:
        """Adds output to the log that was held back, or that stands above the program's, and passes it on."""
        if data:
            self.log.append(data)
            self.timers.ensure("checkpoint", CHECKPOINT_AFTER, self._checkpoint)
            self._deliver(b"")

    def type(self, writer: Hashable, data: bytes, done: Callable[[bool], None] | None = None) -> None:
        """Types a unit of bytes; `done`: see `InputQueue.add`."""
        self._stirred()
        taken = 0 if writer in OWN_WRITERS else self.enter(data)
        self.input.add(writer, data[taken:], done)
        self.drain()

    def enter(self, data: bytes, *, attended: bool = False) -> int:
        """Types keys as far as the program takes them at once; returns the number of bytes. The rest is for `input`."""
        self.typed_line.add(data, self.pty, attended=attended)
        self.typed_at = time.monotonic()
        if attended:
            self.attended_at = self.typed_at
        if self.input.size or self.pty is None or not data:
            return 0
        try:
            return self.pty.write(data)
        except OSError:
            return 0  # its terminal is gone: `drain` finds that too

    def drain(self) -> None:
        """Writes waiting input as far as the program takes it."""
        if self.pty is None or self.pty.descriptor < 0:
            self.input.clear()
            return
        try:
            self.input.drain(self.pty.write)
        except OSError:
            self.input.clear()  # its terminal is gone; the wait status will say that it has ended
        self.pace(paused=self._paused)

    @property
    def line_begun(self) -> bool:
        """True if there is a line at the prompt that nobody has entered."""
        return self.pty is not None and self.typed_line.unfinished(self.pty)

    @property
    def drafted(self) -> bool:
        """True if an attached person has typed something that nobody has entered."""
        return self.pty is not None and self.typed_line.drafted(self.pty)

    @property
    def unread(self) -> int:
        """Bytes typed that the program has not read; the kernel counts at most 4,095 of those that it holds."""
        return self.input.size + (self.pty.unread() if self.pty is not None else 0)

    def close(self) -> None:
        """Closes the pty, and a job's standard input, after the program's end."""
        self.open = False
        self.input.clear()
        self.close_stdin()
        if self.pty is not None:
            self._loop.forget(self.pty.descriptor)
            self.pty.close()

    def feed(self, stdin: StdinPipe) -> None:
        """Write to a job's standard input as soon as that takes bytes, if any wait."""
        self.stdin = stdin
        if stdin.open:
            self._loop.watch(stdin.descriptor, WRITE if stdin.pending else 0, lambda _: self._write_stdin(stdin))

    def _write_stdin(self, stdin: StdinPipe) -> None:
        if stdin.write():
            self.close_stdin()
        self.feed(stdin)

    def close_stdin(self) -> None:
        """End the standard input of a job that is fed."""
        if self.stdin is not None:
            self._loop.forget(self.stdin.descriptor)
            self.stdin.close()


class InputQueue:
    """Units of bytes, each written without another writer's bytes in between. Writers take turns, one unit each."""

    def __init__(self) -> None:
        self._writers: OrderedDict[Hashable, deque[Unit]] = OrderedDict()
        self._begun: Unit | None = None
        self._sizes: dict[Hashable, int] = {}
        self.size = 0

    def __bool__(self) -> bool:
        return self._begun is not None or bool(self._writers)

    def waiting(self, writer: Hashable) -> int:
        """Bytes of one writer that have not been written yet."""
        return self._sizes.get(writer, 0)

    def add(self, writer: Hashable, data: bytes, done: Callable[[bool], None] | None = None) -> None:
        """Queues one unit; `done` is called once: with True if all of it was written, with False if it was dropped."""
        self._writers.setdefault(writer, deque()).append((writer, memoryview(data), done))
        self._sizes[writer] = self.waiting(writer) + len(data)
        self.size += len(data)

    def drain(self, write: Callable[[memoryview], int]) -> None:
        """Writes until `write` takes no more or nothing is left."""
        while self:
            if self._begun is None:
                writer, units = next(iter(self._writers.items()))
                self._begun = units.popleft()
                if units:
                    self._writers.move_to_end(writer)
                else:
                    del self._writers[writer]
            writer, view, done = self._begun
            taken = write(view) if view else 0
            self.size -= taken
            self._sizes[writer] = self.waiting(writer) - taken
            if taken < len(view):
                self._begun = (writer, view[taken:], done)
                return
            self._begun = None
            if not self._sizes[writer]:
                del self._sizes[writer]
            if done is not None:
                done(True)

    def units(self) -> list[Unit]:
        """The units that have not been written, in the order in which they would be."""
        units = [self._begun] if self._begun else []
        rows = [list(units) for units in self._writers.values()]
        for turn in range(max(map(len, rows), default=0)):
            units.extend(row[turn] for row in rows if turn < len(row))
        return units

    def clear(self) -> None:
        """Drops all units: the program's terminal is gone."""
        dropped = self.units()
        self._writers.clear()
        self._sizes.clear()
        self._begun = None
        self.size = 0
        for _, _, done in dropped:
            if done is not None:
                done(False)


class StdinPipe:
    """The writing end of a job's standard input. `received` counts bytes: a feeder that reconnects goes on there."""

    def __init__(self, descriptor: int) -> None:
        if descriptor >= 0:
            os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.received = 0
        self.feeder: Feeder | None = None
        self.linger = 0.0
        """Seconds for which the pipe stays open when its feeder is gone."""
        self.waiting = memoryview(b"")
        """The bytes to be written."""
        self.request = 0
        """The number of the request that sent them."""
        self.ends = False
        """True if they are the last."""

    @property
    def open(self) -> bool:
        """True if the job may still be fed."""
        return self.descriptor >= 0

    @property
    def pending(self) -> bool:
        """True if there are bytes, or an end, to be written."""
        return self.open and bool(self.waiting or self.ends)

    def take(self, feeder: Feeder, request: int, offset: int, data: bytes, *, ends: bool) -> None:
        """Takes bytes that begin at an offset of the input; the request is answered when the job has them."""
        self.feeder, self.request, self.ends = feeder, request, ends
        fresh = data[max(0, self.received - offset) :]
        self.received += len(fresh)
        self.waiting = memoryview(bytes(self.waiting) + fresh)
        if not self.pending:
            self._answer()

    def write(self) -> bool:
        """Writes what the pipe takes, and answers once all is written; returns whether the pipe is to be closed."""
        try:
            while self.waiting:
                self.waiting = self.waiting[os.write(self.descriptor, self.waiting) :]
        except BlockingIOError:
            return False
        except OSError:
            return True  # the job has closed it
        if not self.ends:
            self._answer()
        return self.ends

    def close(self) -> None:
        """Closes the pipe: the job sees the end of its input."""
        descriptor, self.descriptor = self.descriptor, -1
        self.waiting = memoryview(b"")
        self._answer()
        if descriptor >= 0:
            os.close(descriptor)

    def _answer(self) -> None:
        feeder, request, self.request = self.feeder, self.request, 0
        if feeder is not None and request and not feeder.closed:
            feeder.respond(request, received=self.received, open=self.open)
