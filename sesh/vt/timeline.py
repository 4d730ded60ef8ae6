"""When output came: a pair of second and number, of a line or a byte, for each second in which there was some."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable


class Timeline:
    """The seconds in which numbered things came, in sixteen bytes for each second.

    Seconds and numbers only grow. What is written again, as a line above which the cursor has gone, counts as new.
    """

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._seconds = array("q")
        self._numbers = array("q")
        self.pairs = list(pairs)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Each second, with the number from which on things came in it."""
        return list(zip(self._seconds, self._numbers))

    @pairs.setter
    def pairs(self, pairs: Iterable[tuple[int, int]]) -> None:
        del self._seconds[:], self._numbers[:]
        for second, number in pairs:
            self.note(second, number)

    @property
    def packed(self) -> bytes:
        """The pairs as bytes, for this machine."""
        return (self._seconds + self._numbers).tobytes()

    @packed.setter
    def packed(self, data: bytes) -> None:
        both = array("q", data)
        self.pairs = list(zip(both[: len(both) // 2], both[len(both) // 2 :]))

    @property
    def last_second(self) -> int:
        """The last second in which something came; -1 if nothing did."""
        return self._seconds[-1] if self._seconds else -1

    def note(self, second: int, number: int) -> None:
        """Note that things from a number on come in a second, or later."""
        if self._seconds:
            second = max(second, self._seconds[-1])  # the clock was set back
        while self._numbers and self._numbers[-1] >= number:
            self._seconds.pop()
            self._numbers.pop()
        self._seconds.append(second)
        self._numbers.append(number)

    def first_since(self, second: float) -> int | None:
        """Return the number of the first thing that came in a second or later; None if there is none."""
        at = bisect_left(self._seconds, int(second))
        return self._numbers[at] if at < len(self) else None

    def within(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the pairs with numbers from `start` to before `end`."""
        if not self._numbers or self._numbers[-1] < start:
            return []
        some = slice(bisect_left(self._numbers, start), bisect_left(self._numbers, end))
        return list(zip(self._seconds[some], self._numbers[some]))

    def count_from(self, number: int) -> int:
        """Return how many pairs have this number or a later one."""
        return len(self) - bisect_left(self._numbers, number)

    def forget(self, first: int) -> None:
        """Drop what tells only of things before number `first`."""
        gone = max(0, bisect_right(self._numbers, first) - 1)
        del self._seconds[:gone], self._numbers[:gone]

    def kept(self, first: int, most: int) -> list[tuple[int, int]]:
        """Return what would be kept after `forget` and `keep`."""
        gone = max(0, bisect_right(self._numbers, first) - 1)
        start = max(gone, len(self) - most)
        return list(zip(self._seconds[start:], [*self._numbers[gone : gone + 1], *self._numbers[start + 1 :]]))

    def keep(self, most: int) -> None:
        """Keep the last pairs; what came before counts as the first of them: rather newer than left out."""
        if len(self) > most:
            first = self._numbers[0]
            del self._seconds[:-most], self._numbers[:-most]
            self._numbers[0] = first
