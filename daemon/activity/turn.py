"""The turn of a raw program that shows that it works: over once its screen has changed, and changes no more.

An agent that waits for its model and one that waits for a person sleep in the same system call. But while it works it
changes the screen several times a second, and at rest it does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sesh.daemon.activity.question import in_rows, words_of
from sesh.vt.pen import Pen

WORKED, OVER = 3.0, 3.0
"""Seconds of change that show that it works, and seconds without any after which its turn is over."""
_HALF, _APART = 0.5, 0.4
"""Seconds in each of which a cell changes while it works, and those between two looks at the most."""


@dataclass
class Shown:
    """What a screen shows: the graphemes and pens of each row, and the row of its cursor; None if that is hidden."""

    cells: list[tuple[list[str], list[Pen]]]
    cursor: int | None

    @property
    def size(self) -> tuple[int, int]:
        return len(self.cells), len(self.cells[0][0])

    @property
    def words(self) -> list[str]:
        """The words of each row."""
        return [words_of("".join(text)) for text, _ in self.cells]


class Work(Enum):
    """What the screen of a program has shown since the last key."""

    NOTHING = "nothing"
    GOES_ON = "goes on"
    OVER = "over"


class Turn:
    """The turn of one session's program. `shown` returns its screen; None while the emulator is behind."""

    def __init__(self, shown: Callable[[], Shown | None]) -> None:
        self._show = shown
        self._shown: Shown | None = None
        self._head = 0
        """The log's head at the last look."""
        self._began: float | None = None
        """Time (monotonic) from which on it has changed without a break."""
        self.changed_at = time.monotonic()
        self.work = Work.NOTHING
        self._known: frozenset[str] = frozenset()
        """The rows that stood there when it began to work, after the last key."""

    def key(self) -> None:
        """Notes that somebody has typed: another turn begins."""
        self._began, self.work = None, Work.NOTHING

    def look(self, head: int, printed_at: float) -> None:
        """Looks for a change. `head`: the log's; `printed_at`: the time (monotonic) of its last bytes."""
        still = (printed_at if head != self._head else time.monotonic()) - self.changed_at
        if still >= _HALF + _APART:
            self._began = None
        if head == self._head or not self._changes():
            if self.work == Work.GOES_ON and time.monotonic() - self.changed_at >= OVER:
                self.work = Work.OVER
        else:
            self.changed_at = printed_at
            if self._began is None:
                self._began = printed_at
                if self.work == Work.NOTHING and self._shown is not None:
                    self._known = frozenset(self._shown.words)
            if printed_at - self._began >= WORKED - _APART:
                self.work = Work.GOES_ON
        self._head = head

    def _changes(self) -> bool:
        """Returns whether a cell has another content than at the last look; an emulator that is behind has much to
        draw."""
        before, shown = self._shown, self._show()
        if shown is None:
            return True
        self._shown = shown
        return before is not None and before.size == shown.size and before.cells != shown.cells

    def question(self) -> str:
        """What it asks now that its turn is over: of the rows that are new since it began."""
        shown = self._show()
        return in_rows(shown.words, shown.cursor, self._known) if shown is not None else ""
