"""The state machine of one link's health. Pure: all times are arguments (monotonic).

UP ──no PONG for 0.3 s + 1.5 round trips──▶ DOUBTED ──10 s without a byte after the PING, or closed──▶ LOST
 ▲ ◀──── a PONG, or any byte 0.05 s after the PING ────┘
"""

from __future__ import annotations

from enum import Enum
from math import inf

PATIENCE = 0.3  # a link is doubted if no PONG comes within this many seconds plus 1.5 round trips
QUIET = 3.0  # a PING is sent after this many seconds without a byte
KEY_SILENCE = 1.0  # a PING is sent after this many seconds without a byte after a key: an ACK may take long
LOST_AFTER = 10.0  # a link is lost after this many seconds without a byte after a PING
BUSY_PACE = 60.0  # seconds between two PINGs on a busy link: the bridge closes a link from which it reads no byte
SIGN_TIME = 0.06  # a link that sends no PONG within this many seconds after a sign is doubted
PING_PACE = 0.1  # least seconds between two PINGs after signs
_STALE = 0.05  # seconds after a PING in which other bytes prove nothing: the host may have sent them before the PING
_LONGEST_TRIP = 1.0  # seconds; a PONG that takes longer came after an outage, and its round trip counts as this
_STOPPED = 2.0  # seconds; if `act` is called later than this, the process was stopped or the machine slept


class Health(Enum):
    UP = "up"
    DOUBTED = "doubted"
    LOST = "lost"


class LinkHealth:
    """The health of one link. `patience`: a PONG may take this many seconds plus 1.5 round trips.

    `round_trip`: in seconds, 0 while unknown; measured by PINGs, and overwritten by a client with better measurements.
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
        """Record received bytes. `pong`: they contain a PONG."""
        if self.state is Health.LOST:
            return
        self.heard_at = now
        awaits_pong = self._lost_at < inf
        if pong:
            self.round_trip = min(now - self._pinged_at, _LONGEST_TRIP)
        if pong or not awaits_pong or now >= self._pinged_at + _STALE:
            self.state, self._doubt_at, self._lost_at = Health.UP, inf, inf
            self._ping_at = min(now + QUIET, self._pinged_at + BUSY_PACE)

    def sent(self, now: float) -> None:
        """Record a sent key, which the daemon answers with an ACK."""
        if self._lost_at == inf:
            self._ping_at = min(self._ping_at, max(now, self.heard_at + KEY_SILENCE))

    def sign(self, now: float) -> None:
        """Test the link: an address or a route has changed, this process was stopped, or the machine slept."""
        if self.state is Health.UP:
            self._doubt_at = min(self._doubt_at, now + SIGN_TIME)
        if self.state is not Health.LOST and (self._lost_at == inf or now >= self._pinged_at + PING_PACE):
            self._ping_at = now

    def closed(self) -> None:
        """Record that the link is closed."""
        self.state = Health.LOST
        self._ping_at = self._doubt_at = self._lost_at = inf

    def act(self, now: float) -> bool:
        """Update `state`; return whether to send a PING."""
        if now > self.due + _STOPPED:
            self.sign(now)
        pings = now >= self._ping_at
        if pings:
            self._pinged_at, self._ping_at, self._lost_at = now, inf, now + LOST_AFTER
            self._doubt_at = min(self._doubt_at, now + self._patience + 1.5 * self.round_trip)
        if now >= self._lost_at:
            self.closed()
        elif now >= self._doubt_at:
            self.state, self._doubt_at = Health.DOUBTED, inf
        return pings
