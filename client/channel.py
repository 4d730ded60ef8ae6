"""The connection of an attachment to a session's daemon: frames out and in without blocking, and its round trip."""

from __future__ import annotations

import os
import time

from sesh import gate, protocol
from sesh.client.round_trip import RoundTrip
from sesh.messages import Welcome
from sesh.wire import Connection

_READ_SIZE = 32 << 10
_TELL_GOT, _TELL_GOT_AT_ONCE, TELL_GOT_AFTER = 4 << 10, 32 << 10, 0.05
"""Bytes that have come over a link of which the daemon learns after some seconds, and at once."""
_LONGEST_PING = 64
"""Bytes of the payload."""
_GOODBYE, _LONGEST_GOODBYE = 0.2, 2.0
"""Seconds for a daemon's goodbye; over a link two round trips more, but no more than the second, which also counts if
the round trip was not measured."""
LIMIT = 64 << 10
"""Bytes waiting to be sent beyond which the daemon's questions are not answered: it reads no answers."""


class Channel:
    """One connection of an attachment. A daemon on another host is reached over a link (`on_link`)."""

    def __init__(self, connection: Connection, round_trip: RoundTrip, *, on_link: bool) -> None:
        self.connection, self._round_trip = connection, round_trip
        self._measured_at = 0.0
        self._asked, self._question = 0, b""
        """How many PINGs were sent; the payload of the newest, until it is answered."""
        self._typed = self._timed = 0
        """Numbers of INPUT: the newest, and that whose ACK is awaited to measure the round trip; 0 for none."""
        self._timed_at = 0.0
        self.closed = False
        """True if the daemon is gone, or nothing is to be sent to it any more."""
        self.reading = True
        """True if incoming frames are still read; no notice is taken of them afterwards."""
        self._on_link = on_link
        self.unsent = b""
        """Frames that wait to be sent."""
        self._acknowledged = 0
        self.got = self._got_sent = 0
        """Bytes of OUTPUT and SCREEN that have come, and the number of which the daemon was told."""
        os.set_blocking(connection.inbound, False)
        os.set_blocking(connection.outbound, False)

    @property
    def round_trip(self) -> float:
        """Seconds of a round trip; 0 if it was not measured."""
        return self._round_trip.smoothed

    @property
    def welcome(self) -> Welcome:
        """The daemon's WELCOME, empty until it has come."""
        return self.connection.welcome

    # -- out

    def send(self, data: bytes = b"") -> None:
        """Send frames, or queue the bytes that the daemon does not take now."""
        if self.closed:
            return
        waiting = self.unsent + data if self.unsent else data
        try:
            while waiting:
                waiting = waiting[os.write(self.connection.outbound, waiting) :]
        except BlockingIOError:
            pass
        except OSError:  # the daemon is gone; what it sent before can still be read, and then the end
            self.closed, waiting = True, b""
        self.unsent = waiting

    def _answer(self, data: bytes) -> None:
        """Send an answer, unless much waits: the other side can call for as many as it likes."""
        if len(self.unsent) <= LIMIT:
            self.send(data)

    # -- in

    def read(self) -> list[tuple[int, bytes]] | None:
        """Return the frames that have come; None if nothing will come any more."""
        try:
            data = os.read(self.connection.inbound, _READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            return None
        return self.connection.decoder.feed(data)

    @property
    def got_some(self) -> bool:
        """True if the daemon is to learn soon how much has come over a link."""
        return self._on_link and self.got - self._got_sent >= (_TELL_GOT if self._got_sent else 1)

    @property
    def got_much(self) -> bool:
        """True if the daemon is to learn at once how much has come over a link."""
        return self._on_link and self.got - self._got_sent >= _TELL_GOT_AT_ONCE

    def tell_got(self) -> None:
        """Tell the daemon how much has come."""
        self._got_sent = self.got
        self._answer(protocol.numbered(protocol.GOT, self.got, b""))

    def acknowledged(self, payload: bytes) -> int:
        """Return the number of the newest INPUT that has reached the program."""
        self._acknowledged = protocol.split_number(payload)[0]
        if 0 < self._timed <= self._acknowledged:
            self._timed = 0
            self._round_trip.bound(time.monotonic() - self._timed_at)
        return self._acknowledged

    def pinged(self, payload: bytes) -> None:
        """Answer a PING. Raises ProtocolError if it is too long."""
        if len(payload) > _LONGEST_PING:
            raise gate.malformed("PING", f"has {len(payload)} bytes")
        self._answer(protocol.frame(protocol.PONG, payload))

    # -- the round trip

    def ask(self) -> None:
        """Ask the daemon for a sign of life, and measure the round trip."""
        self._measured_at = time.monotonic()
        self._asked += 1
        self._question = b"%d" % self._asked
        self.send(protocol.frame(protocol.PING, self._question))

    def time_input(self, number: int) -> None:
        """Measure the round trip by the ACK of INPUT that was just sent, if none is awaited yet."""
        if number > self._typed and not self._timed:
            self._timed, self._timed_at = number, time.monotonic()
        self._typed = number

    def measure(self) -> None:
        """Measure the round trip by a PING, if that is in doubt."""
        if time.monotonic() - self._measured_at >= self._round_trip.measure_after:
            self.ask()

    def answered(self, payload: bytes) -> bool:
        """Take in a PONG; return whether it answers the newest question."""
        if not payload or payload != self._question:
            return False
        self._question = b""
        self._round_trip.sample(time.monotonic() - self._measured_at)
        if self._round_trip.rises:  # it may be an outage that took so long: the next answer tells
            self.ask()
        return True

    # -- the end

    @property
    def goodbye_time(self) -> float:
        """Seconds for the daemon to say how it left the screen."""
        trips = 2 * self._round_trip.smoothed
        measured = trips or not self._on_link
        return min(_GOODBYE + trips, _LONGEST_GOODBYE) if measured else _LONGEST_GOODBYE

    def close(self) -> None:
        """Detach, and close the connection."""
        self.send(protocol.message(protocol.DETACH, {}))
        self.connection.close()
