"""The input that the program has not taken yet: units of bytes, each written whole before another writer's."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

Unit = tuple[Hashable, memoryview, Callable[[bool], None] | None]


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
