"""The input that the program has not taken yet: units of bytes, each written whole before another writer's."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import zip_longest

Unit = tuple[memoryview, Callable[[bool], None] | None]


@dataclass
class _Writer:
    size: int = 0
    units: deque[Unit] = field(default_factory=deque)


class InputQueue:
    """Units of bytes by their writers, who take turns, one unit each; the first one's first unit is being written."""

    def __init__(self) -> None:
        self._writers: OrderedDict[Hashable, _Writer] = OrderedDict()
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._writers)

    def waiting(self, writer: Hashable) -> int:
        """Return the bytes of one writer that have not been written yet."""
        return self._writers[writer].size if writer in self._writers else 0

    def add(self, writer: Hashable, data: bytes, done: Callable[[bool], None] | None = None) -> None:
        """Queue one unit; `done` is called once: with True if all of it was written, with False if it was dropped."""
        waiting = self._writers.setdefault(writer, _Writer())
        waiting.units.append((memoryview(data), done))
        waiting.size += len(data)
        self.size += len(data)

    def drain(self, write: Callable[[memoryview], int]) -> None:
        """Write until `write` takes no more or nothing is left."""
        while self._writers:
            name, writer = next(iter(self._writers.items()))
            view, done = writer.units[0]
            taken = write(view) if view else 0
            self.size -= taken
            writer.size -= taken
            if taken < len(view):
                writer.units[0] = view[taken:], done
                return
            writer.units.popleft()
            if writer.units:
                self._writers.move_to_end(name)
            else:
                del self._writers[name]
            if done is not None:
                done(True)

    def units(self) -> list[Unit]:
        """Return the units that have not been written, in the order in which they would be."""
        turns = zip_longest(*(writer.units for writer in self._writers.values()))
        return [unit for turn in turns for unit in turn if unit is not None]

    def clear(self) -> None:
        """Drop all units: the program's terminal is gone."""
        dropped, self.size = self.units(), 0
        self._writers.clear()
        for _, done in dropped:
            if done is not None:
                done(False)
