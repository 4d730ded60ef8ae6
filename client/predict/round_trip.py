"""The round trip of a link, smoothed, and whether it is so long that keys are predicted and underlined."""

from __future__ import annotations

_ON, _OFF = 0.030, 0.020
"""Seconds of round trip above which keys are predicted, and below which they no longer are."""
_UNDERLINE, _NO_UNDERLINE = 0.080, 0.050
"""The same for underlining them."""
_SHARE = 1 / 8
"""Weight of a new sample (RFC 6298, as SRTT)."""
_SETTLED = 8
"""Samples in a row near the smoothed value (up to twice it, or half) that leave no doubt about it."""


class RoundTrip:
    """The round trip. `smoothed`: seconds, None before the first sample. `long`, `very_long`: with some hysteresis."""

    def __init__(self) -> None:
        self.smoothed: float | None = None
        self.long = self.very_long = False
        self._alike = 0

    @property
    def settled(self) -> bool:
        """True if the round trip has been about the same for some time."""
        return self._alike >= _SETTLED

    def sample(self, seconds: float) -> None:
        """Take in one measured round trip."""
        before = self.smoothed
        self._alike = self._alike + 1 if before is not None and before / 2 <= seconds <= before * 2 else 0
        self.smoothed = seconds if before is None else before + _SHARE * (seconds - before)
        self.long = self.smoothed > (_OFF if self.long else _ON)
        self.very_long = self.smoothed > (_NO_UNDERLINE if self.very_long else _UNDERLINE)
