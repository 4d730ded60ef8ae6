"""The channel of an attachment: exchanges frames with the daemon over one non-blocking connection at a time."""

from __future__ import annotations

import os
from collections import deque

from sesh import protocol
from sesh.wire import Connection

LIMIT, HELD = 16 << 20, 1 << 20
"""Bytes of unsent input. At LIMIT the terminal is no longer read, so nor is the detach key. Without a link, input
beyond HELD is dropped."""
_MAX_FRAME, _READ_SIZE = 64 << 10, 32 << 10
_GOT_EVERY = 4 << 10  # bytes shown over a link after which the client sends GOT
_SCREEN = (protocol.OUTPUT, protocol.SCREEN, protocol.REDRAW)
_MAX_ANSWERS = 64 << 10
"""Unsent bytes above which no PONG or GOT is queued: a daemon that reads nothing would make the queue endless."""
_GOODBYE, _GOODBYE_OVER_LINK = 0.2, 2.0  # seconds for the daemon to answer DETACH


class UnacknowledgedInput:
    """Input in numbered frames. Each is kept until it is acknowledged, to be sent again over the next link if needed.

    Pure: it returns frames. `number`: the newest frame's number. `arrived`: the program has received all input.
    `full`: do not read the terminal.
    """

    def __init__(self) -> None:
        self._unsent = bytearray()
        self._in_flight: deque[tuple[int, bytes]] = deque()
        self.number = 0

    @property
    def arrived(self) -> bool:
        return not (self._unsent or self._in_flight)

    @property
    def full(self) -> bool:
        return len(self._unsent) >= LIMIT

    def add(self, data: bytes) -> list[bytes]:
        """Queue input; return the frames to send now."""
        self._unsent += data
        return self._frames()

    def hold(self, data: bytes) -> None:
        """Queue input while there is no link; drop the bytes beyond `HELD`."""
        self._unsent += data[: max(0, HELD - len(self._unsent))]

    def drop(self) -> bool:
        """Drop unsent input; return whether there was any."""
        dropped = bool(self._unsent)
        self._unsent.clear()
        return dropped

    def acknowledge(self, number: int) -> list[bytes]:
        """Drop the frames up to `number`, which the program has received; return the frames to send now."""
        while self._in_flight and self._in_flight[0][0] <= number:
            self._in_flight.popleft()
        return self._frames()

    def resume(self, last: int) -> list[bytes]:
        """Return the frames to send over a new connection. `last`: the newest number that the daemon has received."""
        again = [protocol.numbered(protocol.INPUT, number, data) for number, data in self._in_flight if number > last]
        return again + self.acknowledge(last)

    def _frames(self) -> list[bytes]:
        frames = []
        while self._unsent and (room := protocol.INPUT_WINDOW - sum(len(data) for _, data in self._in_flight)) > 0:
            data = bytes(self._unsent[: min(_MAX_FRAME, room)])
            del self._unsent[: len(data)]
            self.number += 1
            self._in_flight.append((self.number, data))
            frames.append(protocol.numbered(protocol.INPUT, self.number, data))
        return frames


class Channel:
    """Sends and receives frames; sends nothing without a connection. `on_link`: the daemon is on another host."""

    def __init__(self, *, on_link: bool) -> None:
        self.connection: Connection | None = None
        self.input = UnacknowledgedInput()
        self.frames: deque[tuple[int, bytes]] = deque()
        self.unsent = b""
        self._on_link = on_link
        self.goodbye_time = _GOODBYE_OVER_LINK if on_link else _GOODBYE
        self._got = self._confirmed = 0
        """Bytes of the screen received over this connection, and how many of them the last GOT has confirmed."""

    # -- connections

    def open(self, connection: Connection, hello: bytes) -> None:
        """Replace the connection, and send HELLO."""
        self.close()
        self.connection = connection
        self.frames.extend(connection.leftovers())
        self._got = self._confirmed = 0
        os.set_blocking(connection.inbound, False)
        os.set_blocking(connection.outbound, False)
        self.send(hello)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection, self.unsent = None, b""
        self.frames.clear()

    # -- out

    def send(self, data: bytes = b"") -> bool:
        """Send frames, and queue the bytes that do not fit now. Return False if the connection takes no more.

        Even then, frames that the daemon has sent before can be read.
        """
        if self.connection is None:
            return False
        self.unsent += data
        try:
            while self.unsent:
                self.unsent = self.unsent[os.write(self.connection.outbound, self.unsent) :]
        except BlockingIOError:
            return True
        except OSError:
            self.unsent = b""
            return False
        return True

    def type(self, data: bytes) -> None:
        self.send(b"".join(self.input.add(data)))

    def confirm(self, waiting: int) -> None:
        """Send GOT over a link for the bytes that the terminal has taken; `waiting`: bytes that it has not taken yet.

        So the bytes in flight include those before a slow terminal, and Ctrl-C does not wait behind more.
        """
        taken = self._got - waiting
        if self._on_link and taken - self._confirmed >= _GOT_EVERY:
            self._confirmed = taken
            self._answer(protocol.numbered(protocol.GOT, taken, b""))

    def _answer(self, data: bytes) -> None:
        if len(self.unsent) <= _MAX_ANSWERS:
            self.send(data)

    # -- in

    def read(self) -> bool:
        """Read frames into `frames`; return False at the end of the connection."""
        assert self.connection is not None  # noqa: S101 (only a connection's descriptor is polled)
        try:
            data = os.read(self.connection.inbound, _READ_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if data:
            self.frames.extend(self.connection.feed(data))
        return data != b""

    def take(self, kind: int, payload: bytes) -> None:
        """Handle the flow control of a frame: count the screen's bytes, drop acknowledged input, answer a PING."""
        if kind in _SCREEN:
            self._got += max(0, len(payload) - 8)
        elif kind == protocol.ACK:
            if frames := self.input.acknowledge(protocol.split_number(payload)[0]):
                self.send(b"".join(frames))
        elif kind == protocol.PING:
            self._answer(protocol.frame(protocol.PONG, payload))
