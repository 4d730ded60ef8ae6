"""The schedule of reconnect attempts. Pure: all times are arguments (seconds, monotonic).

    doubted, lost ──▶ 1st ──▶ 2nd: at least 1 s after the 1st began, once that failed or its timeout passed ──▶ …
                  sign: another one in parallel, at least 0.1 s after the newest began
                  30 s without a sign: the pauses grow to 10 s
                  login refused: none until Enter

At most two attempts run at once. Neither a sign nor a key cancels a running attempt, which may be about to succeed.
"""

from __future__ import annotations

from math import inf

AT_ONCE = 2
PACE = 1.0  # least seconds between the beginnings of two attempts
PACE_AFTER_SIGN = 0.1  # the same, if a sign begins the second one
LONG_OUTAGE = 30.0  # after this many seconds without a sign the pauses grow
LONGEST_PACE = 10.0  # seconds
CONNECT_TIME, LONGEST_CONNECT = 2.0, 10.0  # bounds of ssh's connect timeout, which is half the outage so far (seconds)
LONG_TRIP = 0.15  # seconds; above this round trip, or with a jump host, ssh's connect timeout is longer
LOGIN_TRIPS = 10  # the round trips that a longer connect timeout adds


class Schedule:
    """The schedule of the attempts to replace a link. `indirect`: ssh connects through a jump host."""

    def __init__(self, *, indirect: bool = False) -> None:
        self.indirect, self.round_trip = indirect, 0.0
        self.running = 0  # attempts that have not ended
        self.refusal: Exception | None = None  # the error after which no attempt can succeed without a person
        self.reason = ""  # why the last attempt failed, in a few words
        self._began_at = -inf
        self._trouble_at = self._signed_at = self._next_at = inf

    @property
    def due(self) -> float:
        """When to call `begin_due`; infinite while no attempt may begin."""
        return self._next_at if self.running < AT_ONCE and self.refusal is None else inf

    def plan(self, now: float) -> None:
        """Schedule attempts for a link that is doubted or lost."""
        if self._trouble_at == inf:
            self._trouble_at = self._signed_at = now
            self._next_at = max(now, self._began_at + PACE)

    def sign(self, now: float) -> None:
        """Schedule an early attempt, because the network has changed or a person pressed Enter."""
        if self._trouble_at < inf:
            self._signed_at = now
            self._next_at = min(self._next_at, max(now, self._began_at + PACE_AFTER_SIGN))

    def enter_pressed(self, now: float) -> None:
        """Schedule an early attempt for a person (Enter), even after a refusal."""
        self.refusal = None
        self.sign(now)

    def failed(self, now: float, reason: str, *, refusal: Exception | None = None) -> None:
        """Record a failed attempt; `refusal`: its error, if every further attempt would fail too."""
        self.running -= 1
        self.reason = reason
        self.refusal = refusal or self.refusal
        if not self.running:
            self._next_at = min(self._next_at, max(now, self._began_at + self._pace(now)))

    def reset(self) -> None:
        """Cancel the schedule, because the link answers or was replaced."""
        self.running = 0
        self.reason, self.refusal = "", None
        self._trouble_at = self._signed_at = self._next_at = inf

    def begin_due(self, now: float) -> float | None:
        """Begin an attempt if one is due; return its connect timeout in seconds."""
        if now < self.due:
            return None
        self._began_at = now
        self.running += 1
        seconds = min(LONGEST_CONNECT, max(CONNECT_TIME, (now - self._trouble_at) / 2))
        if self.indirect or self.round_trip > LONG_TRIP:
            seconds += LOGIN_TRIPS * max(self.round_trip, LONG_TRIP)
        self._next_at = now + max(seconds, self._pace(now))  # before that only a sign begins another attempt
        return seconds

    def _pace(self, now: float) -> float:
        quiet = now - self._signed_at
        return PACE if quiet < LONG_OUTAGE else min(LONGEST_PACE, quiet / 8)
