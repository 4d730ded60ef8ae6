"""How much may be on its way to a client over a slow link, so that no key ever waits behind old output.

The buffers on the way (sockets, pipes, ssh's window, TCP) hold megabytes, which is many seconds on a slow link. So the
client says how much it has got, and no more is sent than passes in a fraction of a second: the window grows while it
comes in as fast as it can, and shrinks when it queues (as LEDBAT's does, RFC 6817). Pure: no I/O, the time is an
argument.
"""

from __future__ import annotations

from sesh.lean import deque

START, LEAST, MOST = 64 << 10, 16 << 10, 8 << 20
"""Bytes of the window."""
SLICE = 16 << 10
"""Bytes that are sent at once, as the client has got a frame when its last byte came."""
_SHORT, _LONG = 0.08, 0.2
"""Seconds in a queue on the way up to which the window grows, and from which on it shrinks."""
_SCREEN = 0.15
"""Seconds that the lines that were missed may take of the link."""
_STEP = 4 << 10
"""Bytes in which what is sent is followed; the client does not tell of fewer."""
_SHARE = 0.3  # of a new measurement of the rate, and of a longer way


class Flow:
    """Bytes of OUTPUT and SCREEN that one client was sent and has got since it came.

    `window`: bytes that may be on their way. `slow`: whether the link, and nothing else, is what holds output up.
    `rate`: bytes a second that come through, 0 before that is known.
    """

    def __init__(self, sent: int = 0, got: int = 0) -> None:
        self.window = START
        self.slow = False
        self.rate = 0.0
        self._sent, self._got = sent, got
        self._moments: deque[tuple[int, float, bool]] = deque()
        """Counts of what was sent, when they were reached, and whether nothing else was on its way then."""
        self._shortest = float("inf")
        """Seconds from here to there and back if nothing queues."""
        self._limited = False
        self._arrived_at = self._shrunk_at = 0.0

    def dump(self) -> list[int]:
        """Arguments of the constructor to go on; the link is measured anew."""
        return [self._sent, self._got]

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        if self._sent - self._got < self.window:
            return SLICE
        self._limited = True
        return 0

    @property
    def drained(self) -> bool:
        """Whether so little is on its way that nothing queues there, and a screen would come at once."""
        least = self.rate * self._shortest if self.slow else 0.0
        return self._sent - self._got <= max(self.window >> 2, least)

    def too_late(self, waiting: int) -> bool:
        """Whether so many bytes that wait to be sent would come too late for anybody: a screen comes sooner."""
        return self.slow and waiting > self.rate * _LONG

    def lines(self, most: int, columns: int) -> int:
        """How many of the lines that were missed a screen may bring along, so that it comes soon itself."""
        return min(most, int(self.rate * _SCREEN) // columns) if self.slow else most

    def add(self, size: int, now: float) -> None:
        """So much was sent."""
        alone = self._sent - self._got < _STEP
        self._sent += size
        moments = self._moments
        before = moments[-2][0] if len(moments) > 1 else self._got
        if moments and self._sent - before < _STEP:
            moments.pop()
        moments.append((self._sent, now, alone))

    def arrived(self, count: int, now: float) -> bool:
        """The client has got so many bytes in all; whether that is news. A count that cannot be is ignored."""
        if not self._got <= count <= self._sent:
            return False
        passed, self._got = count - self._got, count
        since, self._arrived_at = now - self._arrived_at, now
        newest = None
        while self._moments and self._moments[0][0] <= count:
            newest = self._moments.popleft()
        if newest is None:
            return passed > 0
        _, sent_at, alone = newest
        took = now - sent_at
        if took < self._shortest:
            self._shortest = took
        elif alone:  # nothing else was on its way: the way itself has become longer
            self._shortest += _SHARE * (took - self._shortest)
        queued = took - self._shortest
        self.slow = queued > _SHORT
        if self.slow and 0 < since < took:
            self.rate = self.rate + _SHARE * (passed / since - self.rate) if self.rate else passed / since
        if queued > _LONG and sent_at > self._shrunk_at:  # once for what was sent by one window
            self._shrunk_at = now
            self.window = max(LEAST, min(self.window, int(self.window * _LONG / queued)))
        elif not self.slow and self._limited:
            self.window = min(MOST, self.window + passed)
        self._limited = False
        return passed > 0
