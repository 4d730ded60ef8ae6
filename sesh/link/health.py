"""The state machine of one link's health. Sans-I/O: all times are arguments (`uptime`).

`LinkHealth` alone decides when a link is pinged, doubted and lost. `Link.decode` calls `heard` for all bytes that
the link receives. The keeper, and `Link.receive` for a request, call `act` when `act` is `due`.

UP ──no PONG for 0.3 s + 1.5 round trips──▶ DOUBTED ──10 s without a byte after the PING──▶ SILENT
 ▲ ◀── a PONG, or any byte (after a nudge, 0.05 s later) ┘
UP, DOUBTED ──ssh ends──▶ CLOSED                         a link that is SILENT or CLOSED is lost for good
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from math import inf

PING_AFTER = 3.0  # seconds without a byte before a PING
PING_AFTER_KEY = 1.0  # seconds without a byte after a key before a PING: the ACK may take long
BUSY_PING_INTERVAL = 60.0  # most seconds between two PINGs on a busy link: the bridge closes a link that sends no byte
DOUBTED_AFTER = 0.3  # seconds, plus 1.5 round trips, from a PING without a PONG to the doubt
NUDGE_TIMEOUT = 0.06  # seconds from a nudge without a PONG to the doubt
LOST_AFTER = 10.0  # seconds from a PING without a byte to the loss
_STALE_TIME = 0.05  # seconds after a nudge and its PING in which only the PONG proves a link: other bytes may be older
_MAX_ROUND_TRIP = 1.0  # seconds; a longer round trip had an outage in it, and counts as this one
_SAMPLES = 3  # newest samples; the round trip is their minimum, as load makes some longer, and none shorter
STOP_TIME = 2.0  # seconds by which `act` is overdue after a stop of this process or a sleep of the machine


class Health(Enum):
    UP = "up"
    DOUBTED = "doubted"
    SILENT = "lost, though ssh runs"
    CLOSED = "lost, as ssh has ended"

    @property
    def lost(self) -> bool:
        return self in (Health.SILENT, Health.CLOSED)


class LinkHealth:
    """The health of one link.

    `doubted_after`: seconds, plus 1.5 round trips, that a PONG may take. `round_trip`: in seconds, 0 while unknown.
    The PONG of an earlier PING counts as any other byte.
    """

    def __init__(self, now: float) -> None:
        self.doubted_after = DOUBTED_AFTER
        self.state = Health.UP
        self.heard_at = now
        self.round_trip = 0.0
        self._pings = 0
        self._pinged_at = now
        self._awaited_pong = b""  # the payload of the newest PING until its PONG comes
        self._samples: list[float] = []  # the newest round trips
        self._nudged_at = -inf
        self._fresh_at = now  # earlier bytes may have been sent before the newest nudge
        self._ping_at = now + PING_AFTER
        self._doubt_at = inf
        self._lost_at = inf

    @property
    def due(self) -> float:
        """When to call `act`."""
        return min(self._ping_at, self._doubt_at, self._lost_at)

    @property
    def _may_ping(self) -> bool:
        """False while a PONG is awaited: else many nudges would put off the loss."""
        return not self.state.lost and self._lost_at == inf

    def heard(self, now: float, pongs: Collection[bytes] = ()) -> None:
        """Record received bytes. `pongs`: the payloads of the PONG in them."""
        if self.state.lost:
            return
        self._nudge_after_stop(now)
        self.heard_at = now
        is_pong = self._awaited_pong != b"" and self._awaited_pong in pongs
        if is_pong:
            self._awaited_pong = b""
            self._samples = [*self._samples, min(now - self._pinged_at, _MAX_ROUND_TRIP)][-_SAMPLES:]
            self.round_trip = min(self._samples)
        # A PING that is due, as after a nudge, must still be sent: another byte may have lain unread since before it.
        if is_pong or self._fresh_at <= now < self._ping_at:
            self.state = Health.UP
            self._doubt_at = self._lost_at = inf
            self._ping_at = min(now + PING_AFTER, self._pinged_at + BUSY_PING_INTERVAL)

    def key_sent(self, now: float) -> None:
        """Record a sent key, which the daemon acknowledges."""
        if self._may_ping:
            self._ping_at = min(self._ping_at, max(now, self.heard_at + PING_AFTER_KEY))

    def nudge(self, now: float) -> None:
        """Test the link: the network has changed, or this machine or process woke."""
        self._nudged_at = now
        self._fresh_at = now + _STALE_TIME
        if self.state is Health.UP:
            self._doubt_at = min(self._doubt_at, now + NUDGE_TIMEOUT)
        if self._may_ping:
            self._ping_at = now
            self._awaited_pong = b""  # the PONG of an earlier PING proves nothing now

    def lose(self, state: Health) -> None:
        """Record that the link is `SILENT` or `CLOSED`, unless it was lost before."""
        if not self.state.lost:
            self.state = state
            self._ping_at = self._doubt_at = self._lost_at = inf

    def new_ping(self, now: float) -> bytes:
        """Return the payload of a PING to send now."""
        self._pings += 1
        self._pinged_at = now
        if self._ping_at == self._nudged_at:  # else it asks into silence: the next byte of a slow link comes late
            self._fresh_at = now + _STALE_TIME
        self._awaited_pong = b"%d" % self._pings
        return self._awaited_pong

    def act(self, now: float) -> bytes:
        """Update `state`; return the payload of a PING to send, empty if none is due."""
        self._nudge_after_stop(now)
        ping = b""
        if now >= self._ping_at:
            ping = self.new_ping(now)
            self._ping_at = inf
            self._lost_at = now + LOST_AFTER
            self._doubt_at = min(self._doubt_at, now + self.doubted_after + 1.5 * self.round_trip)
        if now >= self._lost_at:
            self.lose(Health.SILENT)
        elif now >= self._doubt_at:
            self.state = Health.DOUBTED
            self._doubt_at = inf
        return ping

    def _nudge_after_stop(self, now: float) -> None:
        """Test the link after a stop or sleep: an unread PONG may wait."""
        if now > self.due + STOP_TIME:
            self._lost_at = inf
            self.nudge(now)
