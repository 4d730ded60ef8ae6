"""The round trip of a link, as far as keys tell it: falls at once, rises when several measurements agree.

The ACK of a key comes with the program's next output, so the time until then is a round trip or more (a *bound*): a
small one proves that the link is fast. A large one only asks for a PING, the answer to which is a *sample*.
"""

from __future__ import annotations

_ON, _OFF = 0.030, 0.020
"""Seconds of round trip above which keys are predicted, and below which they no longer are."""
_UNDERLINE, _NO_UNDERLINE = 0.080, 0.050
"""The same for underlining them."""
_SAMPLES = 3
"""Samples of which the least counts: a busy machine makes one longer, nothing makes one shorter."""
_FIRST, _AGAIN, _SETTLED = 1.0, 0.5, 5.0
"""Seconds between two PINGs, where one is wanted: before the first answer; after a sample that is longer than the round
trip; and after one that is not, as the program may be what takes its time."""
_NEVER = float("inf")


class RoundTrip:
    """The round trip of a link. `smoothed`: seconds, 0 if unknown. `long`, `very_long`: with a margin."""

    def __init__(self) -> None:
        self.smoothed = 0.0
        self.long = self.very_long = False
        self._samples: list[float] = []
        self._doubted = self.rises = False
        """`_doubted`: the last bound was longer, `rises`: so was the last sample."""

    @property
    def measure_after(self) -> float:
        """Seconds after a PING until the next one is wanted; infinite for none."""
        if not self.smoothed:
            return _FIRST
        if self.rises:
            return _AGAIN
        return _SETTLED if self._doubted else _NEVER

    def sample(self, seconds: float) -> None:
        """Take in one measured round trip."""
        self._take(seconds)
        self.rises, self._doubted = self._longer(seconds), False

    def bound(self, seconds: float) -> None:
        """Take in a time that a round trip was a part of."""
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
