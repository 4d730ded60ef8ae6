"""What is to be typed into the program: whole units from several writers, in turn, as fast as it takes them.

The pipe that is a job's standard input, where whoever waits for the job feeds it: filled as fast as it is read.
"""

from __future__ import annotations

import os

from sesh.lean import OrderedDict, deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    Unit = tuple[Hashable, memoryview, Callable[[bool], None] | None]
    from sesh.daemon.clients.connection import Connection

WINDOW = 256 << 10
"""Bytes that a client may have on their way without an ACK; one that sends twice as many is not read from."""

LIMIT = 4 << 20
"""Bytes waiting in all; beyond it `--send` is refused."""


class InputQueue:
    """Units of bytes, each written without another writer's bytes in between; writers take turns unit by unit."""

    def __init__(self) -> None:
        self._writers: OrderedDict[Hashable, deque[Unit]] = OrderedDict()
        self._begun: Unit | None = None
        self._sizes: dict[Hashable, int] = {}
        self.size = 0

    def __bool__(self) -> bool:
        return self._begun is not None or bool(self._writers)

    def waiting(self, writer: Hashable) -> int:
        """Bytes of one writer that have not been written."""
        return self._sizes.get(writer, 0)

    def add(self, writer: Hashable, data: bytes, done: Callable[[bool], None] | None = None) -> None:
        """Queues one unit; `done` is called once: with True where all of it was written, False where dropped."""
        self._writers.setdefault(writer, deque()).append((writer, memoryview(data), done))
        self._sizes[writer] = self.waiting(writer) + len(data)
        self.size += len(data)

    def drain(self, write: Callable[[memoryview], int]) -> None:
        """Writes until `write` takes no more or nothing is left."""
        while True:
            unit = self._begun or self._next()
            if unit is None:
                return
            self._begun = unit
            writer, view, done = unit
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

    def _next(self) -> Unit | None:
        if not self._writers:
            return None
        writer, units = next(iter(self._writers.items()))
        unit = units.popleft()
        if units:
            self._writers.move_to_end(writer)
        else:
            del self._writers[writer]
        return unit

    def units(self) -> list[Unit]:
        """All that has not been written, in the order in which it would be."""
        units = [self._begun] if self._begun else []
        rows = [list(units) for units in self._writers.values()]
        for turn in range(max(map(len, rows), default=0)):
            units.extend(row[turn] for row in rows if turn < len(row))
        return units

    def pending(self) -> list[bytes]:
        """The bytes of all that has not been written."""
        return [bytes(data) for _, data, _ in self.units()]

    def clear(self) -> None:
        """Drops everything: the program's terminal is gone."""
        dropped = [self._begun] if self._begun else []
        dropped += [unit for units in self._writers.values() for unit in units]
        self._writers.clear()
        self._sizes.clear()
        self._begun = None
        self.size = 0
        for _, _, done in dropped:
            if done is not None:
                done(False)


class StdinPipe:
    """The writing end of the pipe. `received` counts the bytes taken in: one who comes again goes on from there."""

    def __init__(self, descriptor: int) -> None:
        if descriptor >= 0:
            os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.received = 0
        self.feeder: Connection | None = None
        self.patience = 0.0
        """Seconds for which the pipe stays open when its feeder is gone."""
        self._waiting = memoryview(b"")
        self._asked = 0
        self._ends = False

    @property
    def open(self) -> bool:
        """Whether the job may still be fed."""
        return self.descriptor >= 0

    @property
    def pending(self) -> bool:
        """Whether something is to be written."""
        return self.open and bool(self._waiting or self._ends)

    def kept(self) -> tuple[bytes, int, bool]:
        """What waits to be written, the request that waits for that, and whether it is the end."""
        return bytes(self._waiting), self._asked, self._ends

    def resume(self, waiting: bytes, asked: int, *, ends: bool) -> None:
        """Goes on where `kept` says."""
        self._waiting, self._asked, self._ends = memoryview(waiting), asked, ends

    def take(self, connection: Connection, asked: int, at: int, data: bytes, *, ends: bool) -> None:
        """Takes bytes in that begin at offset `at`; the request is answered when the job has them."""
        self.feeder, self._asked, self._ends = connection, asked, ends
        fresh = data[max(0, self.received - at) :]
        self.received += len(fresh)
        self._waiting = memoryview(bytes(self._waiting) + fresh)
        if not self.pending:
            self._answer()

    def write(self) -> bool:
        """Writes what the pipe takes and answers when all is written; whether the pipe is to be closed."""
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self.descriptor, self._waiting) :]
        except BlockingIOError:
            return False
        except OSError:
            return True  # the job has closed it
        if not self._ends:
            self._answer()
        return self._ends

    def close(self) -> None:
        """Lets the job see the end of its input."""
        if self.open:
            os.close(self.descriptor)
            self.descriptor = -1
        self._waiting = memoryview(b"")
        self._answer()

    def _answer(self) -> None:
        connection, asked, self._asked = self.feeder, self._asked, 0
        if connection is not None and asked and not connection.closed:
            connection.respond(asked, received=self.received, open=self.open)
