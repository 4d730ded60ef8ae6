"""The bytes in flight to a reader, such as a terminal, and the window that bounds them.

The buffers of a link (sockets, pipes, ssh's window, TCP) hold megabytes, and a key's echo waits behind all of them. So
no more bytes are in flight than the window allows. Over a link the window follows it: it grows by what comes without
queueing, eight times as fast until a frame has queued for the first time, and shrinks while they queue. Queueing shows
in time alone: a frame's acknowledgement takes longer than the quickest one did. The frames after a pause show whether
the link has become slower. Nothing is computed from bytes per second, and a pause changes nothing else.

Sans-I/O: times (monotonic) are arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from sesh.wire import protocol

MIN_WINDOW, MAX_WINDOW = 4 << 10, 2 << 20  # bytes of a link's window
HERE = 1 << 20  # bytes of the window of a terminal on this machine
_JOINED = 4 << 10  # bytes up to which frames are noted together on this machine, as echoed keys come one by one
PATIENCE = 2.0  # seconds without an acknowledgement, beside two round trips, after which nobody waits for a terminal
_FREE = 0.25  # seconds above the quickest time up to which bytes count as not queued; or a tenth of that time
_YIELDED = 0.04  # the same, where others are not to wait for them
_UNKNOWN = 2.0  # seconds of a round trip before the first acknowledgement, as of a large frame over a slow link
_OPENING = 8  # times as fast the window grows until a frame has queued, for that part of `_FREE`
_FULL = 1 << 10  # bytes of room below which the window counts as full
_QUEUED = 0.4  # seconds above it from which the window shrinks; or half of that time


@dataclass
class _Frame:
    end: int  # the count of bytes sent with it
    position: int  # of the log, at its end
    size: int


@dataclass
class _TimedFrame(_Frame):
    sent_at: float
    fresh: bool  # it is small and comes after a pause, so that nothing is queued before it
    follows: bool  # as many bytes were sent at once before it, for which it waits: over a slow link it queues


class Window:
    """The frames in flight to one reader on this machine; its size stays the same."""

    over_link = False
    _silent = protocol.GOT_HERE  # fewer bytes in flight owe no acknowledgement

    def __init__(self, now: float) -> None:
        self.size = HERE  # bytes
        self._progress_at = now  # time of the last acknowledgement, or since which one is owed
        self._sent = self._got = 0  # bytes of frames
        self.in_flight = 0  # bytes that were sent and not acknowledged
        self.room = self.size  # bytes that may be sent now
        self._frames: deque[_Frame] = deque()

    @property
    def frame(self) -> int:
        """The most bytes of the next frame."""
        return self.room

    @property
    def _round_trip(self) -> float:
        """The seconds of a round trip."""
        return 0.0

    def takes(self, size: int) -> bool:
        """Return whether a frame may be sent now: there is room, or nothing that comes without it."""
        return size <= self.room or self.in_flight < self._silent

    @property
    def nearly_empty(self) -> bool:
        """True if what is sent now arrives soon."""
        return self.in_flight <= max(self._silent, self.size >> 2)

    def stuck_at(self) -> float:
        """Return the time from which on nobody waits for an acknowledgement; inf if none is owed."""
        if self.in_flight < self._silent:
            return inf
        return self._progress_at + PATIENCE + 2 * self._round_trip

    def note_sent(self, size: int, position: int, now: float) -> None:
        """Note a frame of `size` bytes after which the terminal stands at `position`."""
        self._count(size, now)
        if self._frames and (last := self._frames[-1]).size + size <= _JOINED:
            last.end = self._sent
            last.position = position
            last.size += size
        else:
            self._frames.append(_Frame(self._sent, position, size))

    def _count(self, size: int, now: float) -> None:
        """Count bytes that are sent."""
        if self.in_flight < self._silent <= self.in_flight + size:
            self._progress_at = now
        self._sent += size
        self.in_flight += size
        self.room = max(0, self.size - self.in_flight)

    def confirm(self, count: int, now: float) -> int | None:
        """Handle a GOT for the first `count` bytes; return the position of the last whole frame, None without one.

        An invalid count is ignored.
        """
        frame = self._arrived(count, now) if self._got < count <= self._sent else None
        return None if frame is None else frame.position

    def _arrived(self, count: int, now: float) -> _Frame | None:
        """Note that the first `count` bytes have arrived; return the last frame of which now every byte has."""
        self._got = count
        self.in_flight = self._sent - count
        self.room = max(0, self.size - self.in_flight)
        self._progress_at = now
        frame = None
        while self._frames and self._frames[0].end <= count:
            frame = self._frames.popleft()
        return frame

    def forget_positions(self) -> None:
        """Note that the terminal ignores what is in flight: it stands at no position of that."""
        for frame in self._frames:
            frame.position = -1

    def confirm_all(self, now: float) -> int | None:
        """Handle an acknowledgement of everything that was sent."""
        return self.confirm(self._sent, now)


class LinkWindow(Window):
    """The frames in flight over a link, which the window's size follows.

    `yields`: others go first, and are not to wait: few bytes may queue. `first`: bytes of the window at first.
    """

    over_link = True
    _silent = protocol.GOT_OVER_LINK

    def __init__(self, now: float, *, yields: bool = False, first: int = MIN_WINDOW) -> None:
        super().__init__(now)
        self._yields = yields
        self.size = self.room = first
        self._quickest_time = inf  # the least seconds that a frame and its acknowledgement have taken
        self._fresh_times: deque[float] = deque(maxlen=2)  # of the last fresh frames
        self._taken = 0.0  # the seconds of the last frame that was measured
        self._sent_at = -inf  # when the last frame was sent
        self._burst = 0  # bytes sent at that moment
        self._shrunk_at = now
        self._has_queued = False  # so long that eight times as many bytes would queue too long
        self._full_at = 0  # the count of bytes sent when there was no room for more
        self._growth = 0  # bytes that were acknowledged since the size was adapted, and sent when there was no room

    @property
    def frame(self) -> int:
        """The most bytes of the next frame: half of the window, so that time is measured by its smallest frames."""
        return min(self.room, self.size >> 1)

    @property
    def _round_trip(self) -> float:
        return self._quickest_time if self._quickest_time < inf else _UNKNOWN

    def takes(self, size: int) -> bool:
        """Return whether a frame may be sent now; note if not."""
        if super().takes(size):
            return True
        self._full_at = self._sent
        return False

    def note_sent(self, size: int, position: int, now: float) -> None:
        """Note a frame, and by what its arrival will show how the link is."""
        is_first = self.in_flight < self._silent
        fresh = is_first and size <= MIN_WINDOW >> 1 and now - self._sent_at > 2 * self._taken
        self._burst = self._burst + size if now == self._sent_at else size
        follows = self._burst >= 2 * size >= 2 * _FULL
        self._sent_at = now
        self._count(size, now)
        if self.room < _FULL:  # the program prints no more than there is room for, so nothing is refused
            self._full_at = self._sent
        self._frames.append(_TimedFrame(self._sent, position, size, now, fresh, follows))

    def _arrived(self, count: int, now: float) -> _Frame | None:
        if count <= self._full_at:
            self._growth += count - self._got
        frame = super()._arrived(count, now)
        if isinstance(frame, _TimedFrame) and frame.end == count:  # else its time is that of a later one, too
            self._follow(frame, now)
            self.room = max(0, self.size - self.in_flight)
        return frame

    def _follow(self, frame: _TimedFrame, now: float) -> None:
        """Let the size follow the link, by the time of the frame whose arrival was acknowledged."""
        taken = now - frame.sent_at
        known = self._quickest_time < inf
        self._taken = taken
        if frame.fresh:
            self._fresh_times.append(taken)
            if len(self._fresh_times) == self._fresh_times.maxlen:  # one alone may have come late
                self._quickest_time = min(self._fresh_times)
        self._quickest_time = min(self._quickest_time, taken)
        queued = taken - self._quickest_time
        free = max(_YIELDED if self._yields else _FREE, self._quickest_time / 10)
        self._has_queued = self._has_queued or queued > free / _OPENING
        if known and queued <= free:
            times = _OPENING if frame.follows and not self._has_queued else 1
            self.size = min(MAX_WINDOW, self.size + times * self._growth)
        elif queued > max(_QUEUED, self._quickest_time / 2) and frame.sent_at >= self._shrunk_at:
            self.size = max(MIN_WINDOW, self.size // 2)
            self._shrunk_at = now
        self._growth = 0
