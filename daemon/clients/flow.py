"""Bytes that may be on their way to a client over a slow link, so that no key ever waits behind old output.

The buffers on the way (sockets, pipes, ssh's window, TCP) hold megabytes, which is many seconds on a slow link. So the
client says how much it has got, and no more is sent than passes in a fraction of a second: the window grows while
nothing queues on the way, and shrinks when something does (as LEDBAT's does, RFC 6817). Pure: no I/O, the time is an
argument.
"""

from __future__ import annotations

from collections import deque

START, LEAST, MOST = 64 << 10, 16 << 10, 8 << 20
"""Bytes of the window: at first, at least, at most."""
SLICE = 16 << 10
"""Bytes that are sent at once, as the client has got a frame when its last byte came."""
_SHORT, _LONG = 0.08, 0.2
"""Seconds in a queue on the way: up to the first the window grows, from the second on it shrinks."""
_SCREEN = 0.15
"""Seconds of the link that the missed lines before a screen may take."""
_STEP = 4 << 10
"""Bytes from one remembered moment to the next at the least; the client does not tell of fewer."""
_SHARE = 0.3
"""Share that a new measurement has in the rate, and in the seconds of a longer way."""


class Flow:
    """Bytes of OUTPUT and SCREEN that one client was sent and has got since it came.

    `window`: bytes that may be on their way. `slow`: true if the link, and nothing else, holds output up. `rate`: bytes
    a second that come through, 0 before that is known.
    """

    def __init__(self) -> None:
        self.window = START
        self.slow = False
        self.rate = 0.0
        self._sent = self._got = 0
        self._moments: deque[tuple[int, float, bool]] = deque()
        """Moments of sending: the count of bytes sent by then, the time, and whether nothing else was on its way."""
        self._shortest = float("inf")
        """Seconds to the client and back if nothing queues."""
        self._limited = False
        """True if the window has kept anything back since the client last told what it has got."""
        self._arrived_at = self._shrunk_at = 0.0
        """Times at which the client last told of bytes, and at which the window last shrank."""

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        if self._sent - self._got < self.window:
            return SLICE
        self._limited = True
        return 0

    @property
    def drained(self) -> bool:
        """True if so little is on its way that nothing queues there, and a screen would come at once."""
        unqueued = self.rate * self._shortest if self.slow else 0.0
        return self._sent - self._got <= max(self.window >> 2, unqueued)

    def too_late(self, waiting: int) -> bool:
        """Returns whether so many waiting bytes would come too late: a screen comes sooner."""
        return self.slow and waiting > self.rate * _LONG

    def lines(self, most: int, columns: int) -> int:
        """Missed lines that a screen may bring along, `most` at most, so that it comes soon itself."""
        return min(most, int(self.rate * _SCREEN) // columns) if self.slow else most

    def add(self, size: int, now: float) -> None:
        """Notes that bytes were sent at `now`."""
        alone = self._sent - self._got < _STEP
        self._sent += size
        moments = self._moments
        before = moments[-2][0] if len(moments) > 1 else self._got
        if moments and self._sent - before < _STEP:
            moments.pop()
        moments.append((self._sent, now, alone))

    def arrived(self, count: int, now: float) -> bool:
        """Takes the client's word that it has got `count` bytes in all; returns whether that is news.

        A count that cannot be is ignored.
        """
        if not self._got <= count <= self._sent:
            return False
        size, elapsed = count - self._got, now - self._arrived_at
        self._got, self._arrived_at = count, now
        newest = None
        while self._moments and self._moments[0][0] <= count:
            newest = self._moments.popleft()
        if newest is None:
            return size > 0
        _, sent_at, alone = newest
        queued = self._measure(size, elapsed, now - sent_at, alone=alone)
        if queued > _LONG and sent_at > self._shrunk_at:  # once for what was sent by one window
            self._shrunk_at = now
            self.window = max(LEAST, min(self.window, int(self.window * _LONG / queued)))
        elif not self.slow and self._limited:
            self.window = min(MOST, self.window + size)
        self._limited = False
        return size > 0

    def _measure(self, size: int, elapsed: float, took: float, *, alone: bool) -> float:
        """Measures the link by `size` bytes that came in `elapsed` seconds; returns the seconds that they queued.

        `took`: seconds from their sending to this report. `alone`: nothing else was on its way then.
        """
        if took < self._shortest:
            self._shortest = took
        elif alone:  # the way itself has become longer
            self._shortest += _SHARE * (took - self._shortest)
        queued = took - self._shortest
        self.slow = queued > _SHORT
        if self.slow and 0 < elapsed < took:
            self.rate = self.rate + _SHARE * (size / elapsed - self.rate) if self.rate else size / elapsed
        return queued
