"""The program's output: numbered bytes, the marks in them, and the places at which terminals stand.

A mark is a position at which a terminal can stand: frames of output end at marks, and the emulator notes its state at
those where a terminal may stand. So the lines that a terminal lacks are known, whoever is ahead.

A place is what the log keeps of one terminal: it has shown the output up to `got` at least, and up to `sent` at most.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from sesh.daemon.pty.byte_log import ByteLog
from sesh.vt.effects import EffectList
from sesh.vt.timeline import Timeline

RETAINED = 256 << 10  # bytes kept although nobody lacks them, and beyond what a terminal that may return lacked
JOB_RETAINED = 1 << 20  # bytes kept of a job's output, whose result contains them
MAX_LAG = 8 << 20  # bytes that the emulator may lag; at the limit, the program waits
MARK_EVERY = 2 << 10  # bytes from one mark to the next at most: a frame over a slow link carries no more
TRIM_FROM = 64 << 10  # bytes that nobody needs at which the log is trimmed
ROW_KEPT = 4 << 10  # bytes kept before what a terminal lacks: of a begun row, sesh's own line may cover the beginning
_MAX_LEFT = 64  # places of terminals that have left; the oldest is dropped
_MAX_TIMES = 8 << 10  # seconds whose output is known; at the limit, those of the older half count as the newer half's
_MAX_MARKS = 16 << 10  # at the limit the older half is thinned out, so that keys that come one by one cost no memory


@dataclass(eq=False)
class Place:
    """Where a terminal stands: between what it has acknowledged and what it was sent, both at marks."""

    got: int
    sent: int
    goes_on: bool = True  # it will be sent more; else it has left, and may return
    keeps_to: int = 1 << 62  # the head up to which the log keeps what it lacks

    def spans(self, position: int) -> bool:
        """Return whether the terminal may stand at a position already: it was sent the output until there."""
        return self.got <= position <= self.sent

    def may_stand_at(self, position: int) -> bool:
        """Return whether the terminal may stand at a position, now or later."""
        return self.got <= position and (self.goes_on or position <= self.sent)


@dataclass(frozen=True)
class LogState:
    """What a reload keeps of a log."""

    base: int
    output: bytes
    resized_at: int
    marks: list[int]
    effects: EffectList


class OutputLog(ByteLog):
    """The output from `base` up to `head`, with its marks and effects, and the places of terminals that show it."""

    def __init__(self, base: int = 0, *, job: bool = False) -> None:
        super().__init__(base)
        self.appended_at = 0.0  # time (monotonic)
        self.resized_at = base  # the mark of the last resize
        self.whole = False  # keep `MAX_LAG` bytes, for a creator that may want the output from the first byte on
        self.places: list[Place] = []
        self.effects = EffectList()
        self.times = Timeline()  # of the output, by positions and the wall clock
        self._retained = JOB_RETAINED if job else RETAINED
        self._marks = [base]
        self._thins_at = _MAX_MARKS

    @property
    def state(self) -> LogState:
        """What a reload keeps of the log; clients bring their places with them."""
        return LogState(self.base, self.content(self.base), self.resized_at, self._marks, self.effects)

    @state.setter
    def state(self, state: LogState) -> None:
        self.restore(state.base, state.output)
        self._marks = state.marks
        self.resized_at = state.resized_at
        self.effects = state.effects
        self.appended_at = 0.0

    def append(self, block: bytes) -> None:
        """Append bytes that were read at once; their end is a mark, and every `MARK_EVERY` bytes in them."""
        start = self.head
        super().append(block)
        self.appended_at = time.monotonic()
        self._note_time(start)
        if len(block) > MARK_EVERY:
            self._marks += range(start + MARK_EVERY, self.head, MARK_EVERY)
        self._marks.append(self.head)
        if len(self._marks) > self._thins_at:
            half = len(self._marks) // 2
            self._marks[:half] = [
                mark
                for index, mark in enumerate(self._marks[:half])
                if index % 2 or any(place.spans(mark) for place in self.places)
            ]
            self._thins_at = max(_MAX_MARKS, len(self._marks) * 5 // 4)  # else what stays would be looked at each time

    def _note_time(self, position: int) -> None:
        """Note the second in which the output from a position on comes, unless output has come in it already."""
        second = int(time.time())
        if second > self.times.last_second:
            self.times.note(second, position)
            if len(self.times) > _MAX_TIMES:
                self.times.keep(_MAX_TIMES // 2)

    def leave(self, place: Place, *, keep: bool = True) -> None:
        """Note that a terminal gets no more. `keep`: keep what it lacks when it returns, and `RETAINED` bytes more."""
        place.goes_on = False
        place.keeps_to = self.head + RETAINED if keep else 0
        left = [each for each in self.places if not each.goes_on]
        if len(left) > _MAX_LEFT:
            self.places.remove(left[0])

    def hold(self, position: int) -> None:
        """Have the state at a position noted, as if a terminal had left there."""
        if not any(place.may_stand_at(position) for place in self.places):
            self.places.append(place := Place(position, position))
            self.leave(place)

    def mark_resize(self) -> None:
        """Note that the terminal's size changes at the head, which is a mark."""
        self.resized_at = self.head

    def mark_after(self, position: int) -> int:
        """Return the first mark after `position`, the head at most."""
        index = bisect_right(self._marks, position)
        return self._marks[index] if index < len(self._marks) else self.head

    def mark_within(self, position: int, size: int) -> int:
        """Return the last mark at most `size` bytes after `position`; without one, the first mark after it."""
        index = bisect_right(self._marks, position + size) - 1
        mark = self._marks[index] if index >= 0 else self.base
        return mark if mark > position else self.mark_after(position)

    def stops(self, start: int, end: int) -> int:
        """Return the first mark after `start` and before `end` at which a terminal may stand; else `end`."""
        if not self.places:
            return end
        for index in range(bisect_right(self._marks, start), len(self._marks)):
            mark = self._marks[index]
            if mark >= end:
                break
            if any(place.may_stand_at(mark) for place in self.places):
                return mark
        return end

    @property
    def has_spare(self) -> bool:
        """True if `release` may have something to drop."""
        return self.head - self.base >= TRIM_FROM or bool(self.effects.all)

    def release(self, needed: int, noted: int, viewed: int = 1 << 62) -> None:
        """Drop what neither a reader at `needed` nor a place lacks, but keep the last bytes.

        Forget the places of terminals that have been away for too long; `noted`: states are noted up to there.
        """
        self.places = [place for place in self.places if self.head <= place.keeps_to or place.sent > noted]
        if self.effects.all:
            self.effects.trim(min([noted, viewed, *(place.got for place in self.places)]))
        retained = MAX_LAG if self.whole else self._retained
        most = self.head - MAX_LAG  # else a terminal that takes nothing would keep all that is printed
        kept = [max(place.got - ROW_KEPT, most) for place in self.places if self.head <= place.keeps_to]
        needed = min([needed, self.head - retained, *kept])
        if needed - self.base < TRIM_FROM:
            return
        self.trim(needed)
        del self._marks[: bisect_left(self._marks, self.base)]
        self.times.forget(self.base)
