"""Moves bytes from the program's pty to the log, and from clients and requests to the pty."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from sesh.daemon.observers import Observers
from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty, set_size
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.pty.typed_line import TypedLine
from sesh.daemon.timer import Timer
from sesh.loop.loop import READ, WRITE, Loop
from sesh.measures import STEADY, Size
from sesh.queries import ASKING, Finding, QueryScanner
from sesh.vt import bulk

LIMIT = 4 << 20  # bytes in the input queue; above it, `--send` is refused
MAX_ANSWERS = 4 << 10  # bytes of answers in the input queue; at the limit, answers are dropped
REOPEN_AFTER = 1.0  # seconds until a pty that seemed closed is read again


class Writer(Enum):
    """A writer of input other than a client. What ANSWERS and RUN write is not part of a person's line."""

    ANSWERS = auto()
    RUN = auto()
    REQUEST = auto()


class InputQueue:
    """A queue of input for the program: units of bytes, each written whole and in order.

    A unit's writer is a `Writer` or, for a client, its number.
    """

    def __init__(self) -> None:
        self._units: deque[tuple[Writer | int, memoryview, Callable[[bool], None] | None]] = deque()
        self._sizes: dict[Writer | int, int] = {}
        self.size = 0

    def waiting(self, writer: Writer | int) -> int:
        """Return the number of queued bytes of one writer."""
        return self._sizes.get(writer, 0)

    def add(self, writer: Writer | int, data: bytes, done: Callable[[bool], None] | None = None) -> None:
        """Queue a unit. `done` is called once: with True after it was written, with False if it was dropped."""
        self._units.append((writer, memoryview(data), done))
        self._sizes[writer] = self._sizes.get(writer, 0) + len(data)
        self.size += len(data)

    def drain(self, write: Callable[[memoryview], int]) -> None:
        """Write until `write` accepts no more, or the queue is empty."""
        while self._units:
            writer, view, done = self._units[0]
            taken = write(view) if view else 0
            self._sizes[writer] -= taken
            self.size -= taken
            if taken < len(view):
                self._units[0] = writer, view[taken:], done
                return
            self._units.popleft()
            if not self._sizes[writer]:
                del self._sizes[writer]
            if done is not None:
                done(True)

    def content(self) -> bytes:
        return b"".join(view for _, view, _ in self._units)

    def clear(self) -> None:
        dropped = self._units
        self._units = deque()
        self.size = 0
        self._sizes.clear()
        for _, _, done in dropped:
            if done is not None:
                done(False)


class Reading(Enum):
    """The state of reading the pty."""

    OPEN = "open"
    PAUSED = "paused"  # the readers of the log lag
    CLOSED = "closed"  # the slave side is closed


class Pump:
    """Moves bytes in both directions."""

    def __init__(self, log: OutputLog, loop: Loop, life: Life) -> None:
        self.log, self._loop, self.life = log, loop, life
        self.asked: Observers[[list[Finding], int]] = Observers()  # called with a block's queries and its position
        self.appended: Observers[[]] = Observers()  # called after bytes were appended to the log
        self.traffic: Observers[[]] = Observers()  # called after output, and after input
        self.found: Observers[[list[Finding], int]] = Observers()  # called with a block's other findings
        self.pty: Pty | None = None
        self.reading = Reading.CLOSED
        self.filter: Callable[[bytes], bytes] = bytes  # returns the visible part of a block
        self.between_reads: Callable[[], object] = lambda: None  # called between two reads of a flood
        self.scanner, self.input, self.typed_line = QueryScanner(), InputQueue(), TypedLine()
        self.stdin: StdinPipe | None = None
        self.last_activity = STEADY.now()

    @property
    def running(self) -> bool:
        return self.life.running

    @property
    def open(self) -> bool:
        return self.reading is not Reading.CLOSED

    @property
    def paused(self) -> bool:
        return self.reading is Reading.PAUSED

    def attach(self, pty: Pty) -> None:
        self.pty, self.reading = pty, Reading.OPEN

    @property
    def foreground(self) -> int:
        """The foreground's process group; 0 without one, or if the program has ended."""
        return self.pty.foreground() if self.pty is not None and self.running else 0

    def resize(self, size: Size) -> None:
        if self.pty is not None and self.pty.descriptor >= 0:
            set_size(self.pty.descriptor, *size)

    def pace(self, *, paused: bool) -> None:
        """Pause or resume reading, unless the slave side is closed."""
        if self.open:
            self._set_reading(Reading.PAUSED if paused else Reading.OPEN)

    def _set_reading(self, reading: Reading) -> None:
        """Set the state of reading. Watch the pty for output if it is OPEN, and for room if input is queued."""
        self.reading = reading
        if self.pty is not None and self.pty.descriptor >= 0:
            reads = READ if reading is Reading.OPEN else 0
            writes = WRITE if self.open and self.input.size else 0
            self._loop.watch(self.pty.descriptor, reads | writes, self._ready)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self.drain()
        if events & READ:
            self.read_output()

    def read_output(self) -> bool:
        """Read output and pass it on; return False if there was none."""
        if self.pty is None or self.reading is Reading.CLOSED:
            return False
        block, is_open = self.pty.read(self.between_reads)
        if not is_open:
            self._set_reading(Reading.CLOSED)
            if self.running:
                self._loop.timers.ensure(Timer.REOPEN, REOPEN_AFTER, self.reopen)
        if block:
            self.add(block)
        return bool(block)

    def add(self, block: bytes) -> None:
        """Append the visible part of a block to the log, scan it, and send it before anything else is done with it."""
        block, start = self.filter(block), self.log.head
        if not block:
            return
        plain = len(block) >= bulk.SMALLEST and bulk.is_plain(self.scanner.carry + block)
        self.log.append(block, plain=plain)
        findings = self.scanner.skip(block) if plain else self.scanner.find(block)
        if findings and (queries := [finding for finding in findings if finding[0] in ASKING]):
            self.asked(queries, start)  # first: a query gets its answerer before any terminal gets the query
        self.appended()
        self.last_activity = STEADY.now()
        self.traffic()
        if findings and (others := [finding for finding in findings if finding[0] not in ASKING]):
            self.found(others, start)

    def reopen(self) -> None:
        """Read the pty again: a program may have closed its terminal and opened it again."""
        self._set_reading(Reading.OPEN if self.running else Reading.CLOSED)

    def show(self, data: bytes) -> None:
        """Append other bytes to the log, such as a restored screen or held output, and pass them on."""
        if data:
            self.log.append(data)
            self.appended()

    def type(
        self, writer: Writer | int, data: bytes, done: Callable[[bool], None] | None = None, *, attended: bool = False
    ) -> None:
        """Type a unit of bytes. `done`: see `InputQueue.add`. `attended`: a person has typed them."""
        reader = self.pty.reader() if self.pty is not None else None  # before the program gets the bytes
        self.input.add(writer, data, done)
        self.drain()
        if writer not in (Writer.ANSWERS, Writer.RUN):
            self.typed_line.add(data, reader, attended=attended)
        self.traffic()

    def drain(self) -> None:
        if self.pty is None or self.pty.descriptor < 0:
            self.input.clear()
            return
        try:
            self.input.drain(self.pty.write)
        except OSError:
            self.input.clear()  # the pty is gone; SIGCHLD will report the program's end
        self._set_reading(self.reading)

    @property
    def line_begun(self) -> bool:
        """True if an unfinished line was typed."""
        return self.pty is not None and self.typed_line.length(self.pty) > 0

    @property
    def unread(self) -> int:
        """The number of typed bytes that the program has not read; of those in the kernel, at most 4,095 count."""
        return self.input.size + (self.pty.unread() if self.pty is not None else 0)

    def close(self) -> None:
        self.reading = Reading.CLOSED
        self.input.clear()
        if self.stdin is not None:
            self.stdin.close()
        if self.pty is not None:
            self._loop.forget(self.pty.descriptor)
            self.pty.close()
