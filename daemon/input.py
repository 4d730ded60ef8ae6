"""What is to be typed into the program: whole units from several writers, in turn, as fast as it takes them."""

from __future__ import annotations

from collections import OrderedDict, deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

WINDOW = 256 << 10
"""Bytes that a client may have on their way without an ACK."""

LIMIT = 4 << 20
"""Bytes waiting in all; beyond it a writer is refused, or no longer read from."""


class InputQueue:
    """Units of bytes, each written without another writer's bytes in between; writers take turns unit by unit."""

    def __init__(self) -> None:
        self._writers: OrderedDict[Hashable, deque[tuple[memoryview, Callable[[], None] | None]]] = OrderedDict()
        self._begun: tuple[memoryview, Callable[[], None] | None] | None = None
        self.size = 0

    def __bool__(self) -> bool:
        return self._begun is not None or bool(self._writers)

    def add(self, writer: Hashable, data: bytes, done: Callable[[], None] | None = None) -> None:
        """Queues one unit; `done` is called once the program's terminal has all of it."""
        self._writers.setdefault(writer, deque()).append((memoryview(data), done))
        self.size += len(data)

    def drain(self, write: Callable[[memoryview], int]) -> None:
        """Writes until `write` takes no more or nothing is left."""
        while True:
            unit = self._begun or self._next()
            if unit is None:
                return
            view, done = unit
            taken = write(view) if view else 0
            self.size -= taken
            if taken < len(view):
                self._begun = (view[taken:], done)
                return
            self._begun = None
            if done is not None:
                done()

    def _next(self) -> tuple[memoryview, Callable[[], None] | None] | None:
        if not self._writers:
            return None
        writer, units = next(iter(self._writers.items()))
        unit = units.popleft()
        if units:
            self._writers.move_to_end(writer)
        else:
            del self._writers[writer]
        return unit

    def pending(self) -> list[bytes]:
        """All that has not been written, in the order in which it would be."""
        units = [bytes(self._begun[0])] if self._begun else []
        rows = [list(units) for units in self._writers.values()]
        for turn in range(max(map(len, rows), default=0)):
            units.extend(bytes(row[turn][0]) for row in rows if turn < len(row))
        return units

    def clear(self) -> None:
        """Drops everything: the program's terminal is gone."""
        self._writers.clear()
        self._begun = None
        self.size = 0
