"""The round trip of a link, by PINGs: the least of the last answers counts. Pure."""

from __future__ import annotations

from math import inf

_ON, _OFF = 0.030, 0.020
"""Seconds of round trip above which keys are predicted, and below which they no longer are."""
_UNDERLINE, _NO_UNDERLINE = 0.080, 0.050
"""The same for underlining them."""
_SAMPLES = 3
"""Samples of which the least counts: a busy machine makes one longer, nothing makes one shorter."""
_LONGEST = 1.0
"""Seconds that count as a round trip at the most: an answer that took longer came after an outage."""
_EVERY = 3.0
"""Seconds between two PINGs while keys are typed; more would cost a slow link as much as the keys do."""


class RoundTrip:
    """The round trip of a link. `smoothed`: seconds, 0 if unknown. `long`, `very_long`: with a margin."""

    def __init__(self) -> None:
        self.smoothed = 0.0
        self.long = self.very_long = False
        self._samples: list[float] = []
        self._pings, self._payload, self._pinged_at = 0, b"", -inf
        """How many PINGs were sent; the payload of the newest, until it is answered."""

    def wants_ping(self, now: float) -> bool:
        """Return whether the last PING is long enough ago."""
        return now - self._pinged_at >= _EVERY

    def ping(self, now: float) -> bytes:
        """Return the payload of a PING that is sent now."""
        self._pings, self._pinged_at = self._pings + 1, now
        self._payload = b"%d" % self._pings
        return self._payload

    def answered(self, payload: bytes, now: float) -> bool:
        """Take in a PONG; return whether it answers the newest PING."""
        if not payload or payload != self._payload:
            return False
        self._payload = b""
        self._samples = [*self._samples, min(now - self._pinged_at, _LONGEST)][-_SAMPLES:]
        self.smoothed = min(self._samples)
        self.long = self.smoothed > (_OFF if self.long else _ON)
        self.very_long = self.smoothed > (_NO_UNDERLINE if self.very_long else _UNDERLINE)
        return True
