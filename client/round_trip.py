"""The round trip of a link, as far as keys tell it: falls at once, rises when several measurements agree. Pure.

The ACK of a key comes with the program's next output, so the time until then is a round trip or more (a *bound*): a
small one proves that the link is fast. A large one only asks for a PING, the answer to which is a *sample*.
"""

from __future__ import annotations

from math import inf

_ON, _OFF = 0.030, 0.020
"""Seconds of round trip above which keys are predicted, and below which they no longer are."""
_UNDERLINE, _NO_UNDERLINE = 0.080, 0.050
"""The same for underlining them."""
_SAMPLES = 3
"""Samples of which the least counts: a busy machine makes one longer, nothing makes one shorter."""
_FIRST, _AGAIN, _SETTLED = 1.0, 0.5, 5.0
"""Seconds between two PINGs, where one is wanted: before the first answer; after a sample that is longer than the round
trip; and after one that is not, as the program may be what takes its time."""


class RoundTrip:
    """The round trip of a link. `smoothed`: seconds, 0 if unknown. `long`, `very_long`: with a margin."""

    def __init__(self) -> None:
        self.smoothed = 0.0
        self.long = self.very_long = False
        self._samples: list[float] = []
        self._doubted = self.rises = False
        """`_doubted`: the last bound was longer, `rises`: so was the last sample."""
        self._pings, self._payload, self._pinged_at = 0, b"", -inf
        """How many PINGs were sent; the payload of the newest, until it is answered."""
        self._newest = self._timed = 0
        """Numbers of INPUT: the newest, and that whose ACK is awaited; 0 for none."""
        self._timed_at = 0.0

    # -- by PINGs

    def wants_ping(self, now: float) -> bool:
        """Return whether the round trip is in doubt, and the last PING long enough ago."""
        settled = _SETTLED if self._doubted else inf
        return now - self._pinged_at >= (_AGAIN if self.rises else settled if self.smoothed else _FIRST)

    def ping(self, now: float) -> bytes:
        """Return the payload of a PING that is sent now."""
        self._pings, self._pinged_at = self._pings + 1, now
        self._payload = b"%d" % self._pings
        return self._payload

    def answered(self, payload: bytes, now: float) -> bool:
        """Take in a PONG; return whether it answers the newest PING."""
        if not payload or payload != self._payload:
            return False
        self._payload, seconds = b"", now - self._pinged_at
        self._take(seconds)
        self.rises, self._doubted = self._longer(seconds), False
        return True

    # -- by keys

    def sent(self, number: int, now: float) -> None:
        """INPUT was sent: await its ACK, unless that of an earlier one is awaited."""
        if number > self._newest and not self._timed:
            self._timed, self._timed_at = number, now
        self._newest = number

    def acknowledged(self, number: int, now: float) -> None:
        """Take in an ACK."""
        if not 0 < self._timed <= number:
            return
        self._timed, seconds = 0, now - self._timed_at
        self._doubted = self._longer(seconds)
        if not self.smoothed or seconds < self.smoothed:
            self.rises = False
            self._take(seconds)

    def _longer(self, seconds: float) -> bool:
        """Return whether this is so much longer that it makes a difference."""
        decides = (seconds > _ON and not self.long) or (seconds > _UNDERLINE and not self.very_long)
        return bool(self.smoothed) and (decides or seconds > max(_ON, 2 * self.smoothed))

    def _take(self, seconds: float) -> None:
        self._samples = [*self._samples, seconds][-_SAMPLES:]
        self.smoothed = min(self._samples)
        self.long = self.smoothed > (_OFF if self.long else _ON)
        self.very_long = self.smoothed > (_NO_UNDERLINE if self.very_long else _UNDERLINE)
