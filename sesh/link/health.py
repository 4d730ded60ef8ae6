"""The state machine of one link's health. Sans-I/O: all times are arguments (monotonic).

It alone decides when a link is pinged, doubted and lost. `Link.receive` (for a request) and the keeper call `act` when
it is `due`. Every byte that a `WatchedConnection` receives is told to it by `heard`.

UP ──no PONG for 0.3 s + 1.5 round trips──▶ DOUBTED ──10 s without a byte after the PING, or closed──▶ LOST
 ▲ ◀── a PONG, or any byte 0.05 s after PING and nudge ─┘
"""

from __future__ import annotations

import time
from collections.abc import Collection
from enum import Enum
from math import inf

from sesh import protocol
from sesh.wire import Connection

DOUBTED_AFTER = 0.3  # a link is doubted if no PONG comes within this many seconds plus 1.5 round trips
QUIET = 3.0  # a PING is sent after this many seconds without a byte
KEY_SILENCE = 1.0  # a PING is sent after this many seconds without a byte after a key: an ACK may take long
KEY_INTERVAL = 10.0  # while keys are typed, seconds between two PINGs, which follow the round trip
LOST_AFTER = 10.0  # a link is lost after this many seconds without a byte after a PING
BUSY_INTERVAL = 60.0  # seconds between two PINGs on a busy link: the bridge closes a link from which it reads no byte
NUDGE_TIME = 0.06  # a link that sends no PONG within this many seconds after a nudge is doubted
_STALE = 0.05  # seconds after a PING or a nudge in which other bytes prove nothing: they may have been sent before it
_LONGEST_TRIP = 1.0  # seconds; a PONG that takes longer came after an outage, and its round trip counts as this
_SAMPLES = 3  # the round trip is the minimum of the newest samples: load makes one longer, nothing makes one shorter
_STOPPED = 2.0  # seconds; if `act` is not called until then, the process was stopped or the machine slept


class Health(Enum):
    UP = "up"
    DOUBTED = "doubted"
    LOST = "lost"


class LinkHealth:
    """The health of one link.

    `doubted_after`: a PONG may take this many seconds plus 1.5 round trips. `round_trip`: in seconds, 0 while unknown.
    A PONG whose payload is not that of the newest PING counts as any other byte.
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
        self._fresh_at = now  # before this, a byte may be older than the newest PING or nudge
        self._ping_at = now + QUIET
        self._doubt_at = inf
        self._lost_at = inf

    @property
    def due(self) -> float:
        """When to call `act`."""
        return min(self._ping_at, self._doubt_at, self._lost_at)

    @property
    def _may_ping(self) -> bool:
        """False while a PONG is awaited: a storm of nudges would put off the loss."""
        return self.state is not Health.LOST and self._lost_at == inf

    def heard(self, now: float, pongs: Collection[bytes] = ()) -> None:
        """Record received bytes. `pongs`: the payloads of the PONG in them."""
        if self.state is Health.LOST:
            return
        self._notice_stop(now)
        self.heard_at = now
        pong = self._awaited_pong != b"" and self._awaited_pong in pongs
        if pong:
            self._awaited_pong = b""
            self._samples = [*self._samples, min(now - self._pinged_at, _LONGEST_TRIP)][-_SAMPLES:]
            self.round_trip = min(self._samples)
        if pong or self._fresh_at <= now < self._ping_at:
            self.state = Health.UP
            self._doubt_at = self._lost_at = inf
            self._ping_at = min(now + QUIET, self._pinged_at + BUSY_INTERVAL)

    def key_sent(self, now: float) -> None:
        """Record a sent key, which the daemon answers with an ACK."""
        if self._may_ping:
            ping_at = min(self.heard_at + KEY_SILENCE, self._pinged_at + KEY_INTERVAL)
            self._ping_at = min(self._ping_at, max(now, ping_at))

    def nudge(self, now: float) -> None:
        """Test the link after a network change, a stop of this process, or sleep."""
        self._fresh_at = now + _STALE
        if self.state is Health.UP:
            self._doubt_at = min(self._doubt_at, now + NUDGE_TIME)
        if self._may_ping:
            self._ping_at = now
            self._awaited_pong = b""  # the PONG of an earlier PING proves nothing now

    def link_closed(self) -> None:
        self.state = Health.LOST
        self._ping_at = self._doubt_at = self._lost_at = inf

    def measure(self, now: float) -> bytes:
        """Return the payload of a PING to send now, which measures the round trip."""
        self._pings += 1
        self._pinged_at = now
        self._fresh_at = now + _STALE
        self._awaited_pong = b"%d" % self._pings
        return self._awaited_pong

    def act(self, now: float) -> bytes:
        """Update `state`; return the payload of a PING to send, empty if none is due."""
        self._notice_stop(now)
        ping = b""
        if now >= self._ping_at:
            ping = self.measure(now)
            self._ping_at = inf
            self._lost_at = now + LOST_AFTER
            self._doubt_at = min(self._doubt_at, now + self.doubted_after + 1.5 * self.round_trip)
        if now >= self._lost_at:
            self.link_closed()
        elif now >= self._doubt_at:
            self.state = Health.DOUBTED
            self._doubt_at = inf
        return ping

    def _notice_stop(self, now: float) -> None:
        """Test the link if this process was stopped: a PONG, or old bytes, may wait."""
        if now > self.due + _STOPPED:
            self._lost_at = inf
            self.nudge(now)


class WatchedConnection(Connection):
    """A connection to a host, as far as a keeper knows it; see `remote/ssh/link`."""

    far = True

    def __init__(self, inbound: int, outbound: int) -> None:
        super().__init__(inbound, outbound)
        self.health = LinkHealth(time.monotonic())

    def decode(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that received bytes complete; tell `health` of bytes and PONGs."""
        frames = super().decode(data)
        self.health.heard(time.monotonic(), [payload for kind, payload in frames if kind == protocol.PONG])
        return frames
