"""Detects that a full-screen program stops working: its screen has stopped changing.

An agent sleeps in the same system call whether it waits for its model or for a person. But while it works it changes
the screen several times a second.
"""

from __future__ import annotations

import time
from enum import Enum

from sesh.daemon.activity import question
from sesh.daemon.screen.feed import ScreenFeed
from sesh.vt.pen import Pen

WORKED_AFTER = 3.0  # seconds of change after which the program counts as working
OVER_AFTER = 3.0  # seconds without a change after which its work is over
_PAUSE = 0.9  # seconds without a change after which `WORKED_AFTER` begins again; a check may be 0.4 s late
DRAW_TIME = 0.01  # seconds that the emulator gets to catch up before the screen is read

Cells = list[tuple[list[str], list[Pen]]]


class WorkState(Enum):
    """The state of a program since the last key, judged by its screen."""

    NOTHING = "nothing"
    GOES_ON = "goes on"
    OVER = "over"


class ScreenWork:
    """Follows the changes of the screen, and decides whether the program's work is over."""

    def __init__(self, feed: ScreenFeed) -> None:
        self._feed = feed
        self._cells: Cells | None = None
        self._head = 0
        self._began: float | None = None  # time (monotonic) at which the screen began to change without a pause
        self.changed_at = time.monotonic()
        self.state = WorkState.NOTHING
        self.question = ""
        self._known: list[str] = []  # the rows shown when the program began to work after the last key
        self._scrolled = 0  # lines that had left the screen by then

    def begin_again(self) -> None:
        """Forget earlier work: a key was pressed, or another command has started."""
        self._began = None
        self.state = WorkState.NOTHING

    def check(self, head: int, active_at: float) -> None:
        """Check for a change; `active_at` is the time (monotonic) of output or typing."""
        changed = head != self._head and self._compare()
        self._head = head
        if changed:
            self._note_change(active_at)
        elif self.state == WorkState.GOES_ON and time.monotonic() - self.changed_at >= OVER_AFTER:
            self.state = WorkState.OVER
        else:
            return
        if self.state == WorkState.OVER:
            emulator = self._feed.emulator
            gone = max(0, emulator.scrolled - self._scrolled)
            self.question = question.on_screen(emulator, self._known[gone:])

    def _note_change(self, at: float) -> None:
        if self._began is None or at - self.changed_at >= _PAUSE:
            self._began = at
            if self.state == WorkState.NOTHING:
                self._known = question.words_on(self._feed.emulator)
                self._scrolled = self._feed.emulator.scrolled
        self.changed_at = at
        if at - self._began >= WORKED_AFTER:
            self.state = WorkState.GOES_ON

    def _compare(self) -> bool:
        """Keep the cells, and return whether one has changed; True if the emulator lags."""
        if not self._feed.catch_up(DRAW_TIME):
            return True
        before = self._cells
        cells = [(row.text[:], row.pens[:]) for row in self._feed.emulator.screen.rows]
        self._cells = cells
        if before is None:
            return self.state == WorkState.NOTHING  # else it was seen before a reload
        if len(before) != len(cells) or len(before[0][0]) != len(cells[0][0]):
            return False  # resized
        return before != cells
