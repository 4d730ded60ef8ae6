"""The channel of an attachment: exchanges frames with the daemon over a non-blocking connection."""

from __future__ import annotations

import os
from collections import deque

from sesh import protocol
from sesh.wire import Connection

HELD = 16 << 20  # above all pastes: the detach key waits behind it
"""Most bytes of unsent input. Beyond them the terminal is not read; without a link, more is dropped."""
_MAX_FRAME, _READ_SIZE = 64 << 10, 32 << 10
_GOT_EVERY = 4 << 10  # bytes shown over a link after which the client sends GOT
_GOODBYE, _GOODBYE_OVER_LINK = 0.2, 2.0  # seconds to wait for the daemon's DETACH


class UnacknowledgedInput:
    """Input in numbered frames, kept until acknowledged, to be sent again over the next link.

    Sans-I/O: it returns frames. `number`: the newest frame's number. `unsent`: input that is in no frame yet.
    """

    def __init__(self) -> None:
        self.number = 0
        self.unsent = bytearray()
        self._in_flight: deque[tuple[int, bytes]] = deque()
        self._bytes_in_flight = 0

    @property
    def arrived(self) -> bool:
        """True if the program has received all input."""
        return not (self.unsent or self._in_flight)

    def add(self, data: bytes = b"") -> bytes:
        """Queue input; return the frames to send now."""
        self.unsent += data
        frames = b""
        while self.unsent and (room := protocol.INPUT_WINDOW - self._bytes_in_flight) > 0:
            piece = bytes(self.unsent[: min(_MAX_FRAME, room)])
            del self.unsent[: len(piece)]
            self.number += 1
            self._in_flight.append((self.number, piece))
            self._bytes_in_flight += len(piece)
            frames += protocol.numbered(protocol.INPUT, self.number, piece)
        return frames

    def keep(self, data: bytes) -> None:
        """Queue input while there is no link; drop the bytes beyond `HELD`."""
        self.unsent += data[: max(0, HELD - len(self.unsent))]

    def drop(self) -> bool:
        """Drop unsent input; return whether there was any."""
        dropped = bool(self.unsent)
        self.unsent.clear()
        return dropped

    def acknowledge(self, number: int) -> bytes:
        """Drop the frames that the program has received, up to `number`; return the next ones."""
        while self._in_flight and self._in_flight[0][0] <= number:
            self._bytes_in_flight -= len(self._in_flight.popleft()[1])
        return self.add() if self.unsent else b""

    def resume(self, last: int) -> bytes:
        """Return the frames for a new connection, whose daemon has received those up to `last`."""
        again = [protocol.numbered(protocol.INPUT, number, data) for number, data in self._in_flight if number > last]
        return b"".join(again) + self.acknowledge(last)


class Channel:
    """Sends and receives frames; sends nothing without a connection.

    `on_link`: the daemon is on another host. `got`: the bytes of output and screens received over this connection.
    """

    def __init__(self, *, on_link: bool) -> None:
        self.connection: Connection | None = None
        self.input = UnacknowledgedInput()
        self.frames: deque[tuple[int, bytes]] = deque()
        self.unsent = b""
        self._on_link = on_link
        self.goodbye_time = _GOODBYE_OVER_LINK if on_link else _GOODBYE
        self.got = self._confirmed = 0

    def open(self, connection: Connection, hello: bytes) -> None:
        """Replace the connection, and send HELLO."""
        self.close()
        self.connection = connection
        self.frames.extend(connection.take_frames())
        self.got = self._confirmed = 0
        os.set_blocking(connection.inbound, False)
        os.set_blocking(connection.outbound, False)
        self.send(hello)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection, self.unsent = None, b""
        self.frames.clear()

    def send(self, data: bytes = b"") -> bool:
        """Send frames, queue the rest; return False if the connection takes no more.

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

    def confirm(self, waiting: int) -> None:
        """Send GOT over a link for the bytes that the terminal has taken.

        `waiting`: bytes that it has not taken yet. They count as in flight, so Ctrl-C does not wait behind more.
        """
        taken = self.got - waiting
        # A daemon that reads nothing gets no further GOT, which would make the queue endless.
        if self._on_link and not self.unsent and taken - self._confirmed >= _GOT_EVERY:
            self._confirmed = taken
            self.send(protocol.numbered(protocol.GOT, taken, b""))

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
            self.frames.extend(self.connection.decode(data))
        return data != b""
