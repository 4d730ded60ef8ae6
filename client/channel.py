"""The connections of an attachment to its daemon, one after the other: frames out and in, without blocking."""

from __future__ import annotations

import os
import time

from sesh import errors, protocol
from sesh.client.round_trip import RoundTrip
from sesh.client.unacknowledged_input import UnacknowledgedInput
from sesh.messages import Welcome
from sesh.wire import Connection

_READ_SIZE = 32 << 10
_TELL_GOT = 4 << 10
"""Bytes that have come over a link from which on the daemon learns of them."""
_SCREEN = (protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW)
_LONGEST_PING = 64
"""Bytes of the payload."""
_GOODBYE, _LONGEST_GOODBYE = 0.2, 2.0
"""Seconds for a daemon's goodbye; over a link two round trips more, but no more than the second, which also counts if
the round trip was not measured."""
LIMIT = 64 << 10
"""Bytes waiting to be sent beyond which the daemon's questions are not answered: it reads no answers."""


class Channel:
    """The frames of an attachment. Without a connection nothing is sent. `on_link`: the daemon is on another host."""

    def __init__(self, *, on_link: bool) -> None:
        self.connection: Connection | None = None
        self.round_trip = RoundTrip()
        self.input = UnacknowledgedInput()
        self.unsent = b""
        """Frames that wait to be sent."""
        self._on_link = on_link
        self._broken = False
        """True if the daemon takes nothing more; what it sent before can still be read, and then the end."""
        self._got = self._got_sent = 0
        """Bytes of the screen that have come over this link, and the number of which the daemon was told."""

    @property
    def welcome(self) -> Welcome:
        """The daemon's WELCOME, empty until it has come."""
        return self.connection.welcome if self.connection is not None else {}

    # -- its connections

    def open(self, connection: Connection, hello: bytes) -> None:
        """Go over to a connection, and send HELLO."""
        self.close()
        self.connection, self._broken = connection, False
        self._got = self._got_sent = 0
        os.set_blocking(connection.inbound, False)
        os.set_blocking(connection.outbound, False)
        self.send(hello)

    def close(self, *, detach: bool = False) -> None:
        """Close the connection, if there is one."""
        if self.connection is None:
            return
        if detach:
            self.send(protocol.message(protocol.DETACH, {}))
        connection, self.connection, self.unsent = self.connection, None, b""
        connection.close()

    @property
    def goodbye_time(self) -> float:
        """Seconds for the daemon to say how it left the screen."""
        trips = 2 * self.round_trip.smoothed
        measured = trips or not self._on_link
        return min(_GOODBYE + trips, _LONGEST_GOODBYE) if measured else _LONGEST_GOODBYE

    # -- out

    def send(self, data: bytes = b"") -> bool:
        """Send frames, or queue the bytes that the daemon does not take now; return False if it takes none any more."""
        if self.connection is None or self._broken:
            return False
        waiting = self.unsent + data if self.unsent else data
        try:
            while waiting:
                waiting = waiting[os.write(self.connection.outbound, waiting) :]
        except BlockingIOError:
            pass
        except OSError:
            self._broken, waiting = True, b""
        self.unsent = waiting
        return not self._broken

    def type(self, data: bytes) -> None:
        """Send input."""
        for frame in self.input.add(data):
            self.send(frame)
        if self._on_link and self.round_trip.wants_ping(time.monotonic()):
            self.ping()

    def ping(self) -> None:
        """Ask the daemon for a sign of life, and measure the round trip."""
        self.send(protocol.frame(protocol.PING, self.round_trip.ping(time.monotonic())))

    def _answer(self, data: bytes) -> None:
        """Send an answer, unless much waits: the other side can call for as many as it likes."""
        if len(self.unsent) <= LIMIT:
            self.send(data)

    # -- in

    def read(self) -> list[tuple[int, bytes]] | None:
        """Return the frames that have come; None if nothing will come any more."""
        assert self.connection is not None  # noqa: S101 (nothing is ready without one)
        try:
            data = os.read(self.connection.inbound, _READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        return self.connection.decoder.feed(data) if data else None

    def take(self, kind: int, payload: bytes) -> None:
        """Take in a frame: count the screen's bytes, forget input that has arrived, answer a PING.

        Raises ProtocolError if a PING is too long.
        """
        if kind in _SCREEN and self._on_link:
            self._got += max(0, len(payload) - 8)
            if self._got - self._got_sent >= _TELL_GOT:
                self._got_sent = self._got
                self._answer(protocol.numbered(protocol.GOT, self._got, b""))
        elif kind == protocol.ACK:
            for frame in self.input.acknowledge(protocol.split_number(payload)[0]):
                self.send(frame)
        elif kind == protocol.PING:
            if len(payload) > _LONGEST_PING:
                raise errors.malformed("PING", f"has {len(payload)} bytes")
            self._answer(protocol.frame(protocol.PONG, payload))

    def answered(self, payload: bytes) -> bool:
        """Take in a PONG; return whether it answers the newest PING."""
        return self.round_trip.answered(payload, time.monotonic())
