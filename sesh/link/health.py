"""The health of one link: facts come in, `act` says when to send a PING. Pure: all times are arguments (monotonic).

UP ──PING unanswered for 0.3 s + 1.5 round trips──▶ DOUBTED ──12 s of silence, or closed──▶ LOST
 ▲ ◀──────────────── anything comes ──────────────────┘
"""

from __future__ import annotations

from enum import Enum
from math import inf

PATIENCE = 0.3
"""Seconds, beside 1.5 round trips, after which a link with an unanswered PING is doubted."""
QUIET, KEY_SILENCE = 3.0, 1.0
"""Seconds of silence before a PING, and once a key was sent: its ACK may take as long as the program does."""
LOST_AFTER = 10.0
"""Seconds of silence after a PING until the link is lost."""
ANYWAY = 60.0
"""Seconds between two PINGs over a link that output keeps busy: the host ends a link from which nothing comes."""
SIGN_TIME, AGAIN = 0.06, 0.1
"""Seconds for an answer after a sign that the link may be dead; between two PINGs because of signs."""
_STALE = 0.05
"""Seconds after a PING in which bytes other than its answer may be older than the PING."""
_LONGEST_TRIP = 1.0
"""Seconds of the longest round trip: an answer that took longer came after an outage."""
_STOPPED = 2.0
"""Seconds of delay that mean that this process was stopped, or the machine slept."""


class Health(Enum):
    """What is known of a link."""

    UP = "up"
    DOUBTED = "doubted"
    LOST = "lost"


class LinkHealth:
    """Judges one link. `patience`: seconds, beside 1.5 round trips, for an answer.

    `round_trip`: in seconds, 0 as long as it is unknown; measured by PINGs, and set by who measures it better.
    """

    def __init__(self, now: float, *, patience: float | None = None) -> None:
        self._patience = PATIENCE if patience is None else patience
        self.state = Health.UP
        self.heard_at = now
        self.round_trip = 0.0
        self._ping_at, self._doubt_at, self._lost_at = now + QUIET, inf, inf
        self._pinged_at = now

    @property
    def due(self) -> float:
        """When to call `act`."""
        return min(self._ping_at, self._doubt_at, self._lost_at)

    def heard(self, now: float, *, pong: bool = False) -> None:
        """Bytes came over the link; `pong`: the answer to the newest PING is among them."""
        if self.state is Health.LOST:
            return
        self.heard_at = now
        awaits = self._lost_at < inf
        if pong:
            self.round_trip = min(now - self._pinged_at, _LONGEST_TRIP)
        if pong or not awaits or now >= self._pinged_at + _STALE:
            self.state, self._doubt_at, self._lost_at = Health.UP, inf, inf
            self._ping_at = min(now + QUIET, self._pinged_at + ANYWAY)

    def sent(self, now: float) -> None:
        """A key was sent, which the other end will answer."""
        if self._lost_at == inf:
            self._ping_at = min(self._ping_at, max(now, self.heard_at + KEY_SILENCE))

    def sign(self, now: float) -> None:
        """The link may have died: an address or a route has changed, this process was stopped, the machine slept."""
        if self.state is Health.UP:
            self._doubt_at = min(self._doubt_at, now + SIGN_TIME)
        if self.state is not Health.LOST and (self._lost_at == inf or now >= self._pinged_at + AGAIN):
            self._ping_at = now

    def closed(self) -> None:
        """The other end closed the link."""
        self.state = Health.LOST
        self._ping_at = self._doubt_at = self._lost_at = inf

    def act(self, now: float) -> bool:
        """Bring `state` up to date; return whether to send a PING."""
        if now > self.due + _STOPPED:
            self.sign(now)
        asks = now >= self._ping_at
        if asks:
            self._pinged_at, self._ping_at, self._lost_at = now, inf, now + LOST_AFTER
            self._doubt_at = min(self._doubt_at, now + self._patience + 1.5 * self.round_trip)
        if now >= self._lost_at:
            self.closed()
        elif now >= self._doubt_at:
            self.state, self._doubt_at = Health.DOUBTED, inf
        return asks
