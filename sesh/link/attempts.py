"""When attempts at another link begin. Pure: all times are arguments (seconds, monotonic).

    doubt, loss ──▶ 1st ──▶ next, 1 s after the 1st began and once that failed, or had its time to connect ──▶ …
                  sign: the next one 0.1 s after the newest, beside it
                  30 s without a sign: the pauses grow to 10 s
                  refused: none before Enter

At most two run. A sign or a key ends none: an attempt that makes progress is never given up for a newer one.
"""

from __future__ import annotations

from math import inf

AT_ONCE = 2
PACE, AGAIN = 1.0, 0.1
"""Seconds from the beginning of the newest attempt to the next: at the least, and after a sign."""
LONG_OUTAGE, LONGEST_PACE = 30.0, 10.0
"""Seconds without a sign after which the pauses grow; seconds of the longest pause."""
CONNECT_TIME, LONGEST_CONNECT = 2.0, 10.0
"""Seconds for ssh to connect, shortest and longest. Half of the outage between: the network may come back slower."""
LOGIN_TRIPS, LONG_TRIP = 10, 0.15
"""Round trips that ssh gets in addition through a jump host, or above that round trip in seconds."""


class Attempts:
    """The attempts at the next link. `indirect`: a jump host is on the way."""

    def __init__(self, *, indirect: bool = False) -> None:
        self.indirect, self.round_trip = indirect, 0.0
        self.running: set[int] = set()
        """Their numbers."""
        self.refusal: Exception | None = None
        """The error of an attempt which says that none can succeed without a person."""
        self.reason = ""
        """Why the last attempt failed, in a few words."""
        self._number, self._began_at = 0, -inf
        self._trouble_at = self._signed_at = self._next_at = inf

    @property
    def due(self) -> float:
        """When to call `act`; infinite while none is to begin."""
        return self._next_at if len(self.running) < AT_ONCE and self.refusal is None else inf

    def begin(self, now: float) -> None:
        """The link is doubted or lost."""
        if self._trouble_at == inf:
            self._trouble_at = self._signed_at = now
            self._next_at = max(now, self._began_at + PACE)

    def sign(self, now: float) -> None:
        """An attempt may succeed now: the network has changed, or a person has pressed Enter."""
        if self._trouble_at < inf:
            self._signed_at = now
            self._next_at = min(self._next_at, max(now, self._began_at + AGAIN))

    def wished(self, now: float) -> None:
        """A person asks for an attempt (Enter), whatever was refused before."""
        self.refusal = None
        self.sign(now)

    def failed(self, number: int, now: float, reason: str, *, refusal: Exception | None = None) -> None:
        """An attempt failed; `refusal`: its error, if any other would fail alike."""
        self.running.discard(number)
        self.reason, self.refusal = reason, refusal or self.refusal
        if not self.running:
            self._next_at = min(self._next_at, max(now, self._began_at + self._pace(now)))

    def ended(self) -> None:
        """The link answers, or another one has taken its place."""
        self.running.clear()
        self.reason, self.refusal = "", None
        self._trouble_at = self._signed_at = self._next_at = inf

    def act(self, now: float) -> tuple[int, float] | None:
        """Begin an attempt if one is due; return its number and its seconds to connect."""
        if now < self.due:
            return None
        self._number, self._began_at = self._number + 1, now
        self.running.add(self._number)
        seconds = min(LONGEST_CONNECT, max(CONNECT_TIME, (now - self._trouble_at) / 2))
        if self.indirect or self.round_trip > LONG_TRIP:
            seconds += LOGIN_TRIPS * max(self.round_trip, LONG_TRIP)
        self._next_at = now + max(seconds, self._pace(now))  # until then the second place is for a sign
        return self._number, seconds

    def _pace(self, now: float) -> float:
        quiet = now - self._signed_at
        return PACE if quiet < LONG_OUTAGE else min(LONGEST_PACE, quiet / 8)
