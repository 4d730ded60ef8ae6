"""The turn of a program that shows that it works: begun with change on the screen, over once nothing changes any more.

An agent that waits for its model and one that waits for a person sleep in the same system call. But while it works it
changes the screen several times a second, and at rest it does not.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable

from sesh.daemon.activity.question import in_new_rows, offers, words_of
from sesh.vt.pen import Pen

Drawn = tuple[list[tuple[list[str], list[Pen]]], int]
"""The graphemes and pens of each row of a screen, and the row of its cursor, -1 for a hidden one."""
TurnState = tuple[bool, bool, float, int, list[str]]

WORKED, OVER = 3.0, 3.0
"""Seconds of change that show that it works, and seconds without any after which its turn is over."""
_HALF, _APART = 0.5, 0.4
"""Seconds in each of which a cell changes while it works, and those between two looks."""
_TRICKLE = 14 << 10
"""Bytes between two looks up to which output may wait for the second."""


class Turn:
    """The turn of one session's program.

    `drawn` returns what the screen shows; None if the emulator does not come to it soon.
    """

    def __init__(self, drawn: Callable[[], Drawn | None]) -> None:
        self._show = drawn
        self._drawn: Drawn = [], -1
        self._head = -1
        """The log's head at the last look."""
        self._began: float | None = None
        """Time (monotonic) from which on it has changed without a break."""
        self._worked = self.over = False
        self.compared = self.fresh = False
        """True if the last look compared cells; if it saw a change."""
        self.changed_at = time.monotonic()
        self._known: frozenset[str] = frozenset()
        """The rows that stood there when it began to work, after the last key."""
        self._offers: bool | None = None
        """Whether the screen shows a menu; None if that is to be looked for."""

    def key(self) -> None:
        """Notes that somebody has typed: another turn begins."""
        self._began, self._worked, self.over = None, False, False

    def look(self, head: int, printed_at: float, *, raw: bool) -> None:
        """Looks for change: of a cell or, in canonical mode, any output.

        `head`: the log's; `printed_at`: the time (monotonic) of its last bytes.
        """
        printed, self._head = head - self._head, head
        self.fresh = printed != 0
        drawn = self._show() if raw and self.fresh else None
        self.compared = raw and (drawn is not None if self.fresh else self.compared)
        if drawn is not None:
            (before, _), (cells, _) = self._drawn, drawn
            resized = before and (len(before), len(before[0][0])) != (len(cells), len(cells[0][0]))
            changed = sum(map(operator.ne, before, cells)) if before else len(cells)
            if resized or changed > 1:
                self._offers = None
            self._drawn = drawn
            self.fresh = not resized and changed > 0 and not (changed == 1 and self._spins_beside_menu())
        if self.fresh:
            if printed_at - self.changed_at >= _HALF + _APART:  # a look may be late, as what it reads is
                self._began = None
            self.changed_at = printed_at
            if self._began is None and not self._worked:
                self._known = frozenset(self._words() if self.compared else ())
            self._began = self._began or printed_at
            if printed_at - self._began >= WORKED - _APART:
                self._worked, self.over = True, False
        else:
            still = time.monotonic() - self.changed_at
            self._began = self._began if still < _HALF else None
            self.over = self.over or (self._worked and still >= OVER)

    def _spins_beside_menu(self) -> bool:
        """Returns whether the one row that has changed is a spinner's, beside the menu by which the program asks."""
        if self._worked and self._offers is None:
            self._offers = offers(self._words(), self._known)
        return self._worked and self._offers is True

    def _words(self) -> list[str]:
        return [words_of("".join(text)) for text, _ in self._drawn[0]]

    def question(self) -> str | None:
        """What it asks now that its turn is over; None as long as the emulator is behind."""
        drawn = self._show()
        if drawn is None:
            return None
        self._drawn, (_, row) = drawn, drawn
        words = self._words()
        return in_new_rows(words, words[row] if row >= 0 else "", self._known)

    def dump(self) -> TurnState:
        """What must not be lost, as plain data."""
        return self._worked, self.over, self.changed_at, self._head, list(self._known)

    def restore(self, state: TurnState) -> None:
        """Goes on from what `dump` returned."""
        self._worked, self.over, self.changed_at, self._head, known = state
        self._known = frozenset(known)
