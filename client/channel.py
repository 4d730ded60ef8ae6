"""The channel of an attachment: exchanges frames with the daemon over a non-blocking connection."""

from __future__ import annotations

import os
from collections import deque

from sesh.wire import protocol
from sesh.wire.connection import Connection

MAX_UNFRAMED_INPUT = 16 << 20  # more than any paste, as the detach key waits behind the input
"""At this many bytes the client stops reading the terminal; without a link, it drops further input."""
_MAX_FRAME, _READ_SIZE = 64 << 10, 32 << 10


Input = tuple[int, bytes]  # number and data of one INPUT


class UnacknowledgedInput:
    """Input in numbered frames, kept until acknowledged, to be sent again over the next link.

    Sans-I/O. `number`: of the newest frame. `unframed`: input that is in no frame yet. `held`: no frame is made.
    """

    def __init__(self) -> None:
        self.number = 0
        self.held = False
        self.unframed = bytearray()
        self._in_flight: deque[Input] = deque()
        self._bytes_in_flight = 0

    @property
    def arrived(self) -> bool:
        """True if the program has received all input."""
        return not (self.unframed or self._in_flight)

    @property
    def acknowledged(self) -> int:
        """The number up to which the program has received all frames."""
        return self._in_flight[0][0] - 1 if self._in_flight else self.number

    def add(self, data: bytes) -> None:
        """Queue input, unless `MAX_UNFRAMED_INPUT` bytes are queued."""
        if len(self.unframed) < MAX_UNFRAMED_INPUT:
            self.unframed += data

    def frame(self) -> list[Input]:
        """Frame queued input, as far as the window allows; return what is new in flight."""
        framed = []
        while self.unframed and not self.held and (window := protocol.INPUT_WINDOW - self._bytes_in_flight) > 0:
            piece = bytes(self.unframed[: min(_MAX_FRAME, window)])
            del self.unframed[: len(piece)]
            self.number += 1
            framed.append((self.number, piece))
            self._bytes_in_flight += len(piece)
        self._in_flight += framed
        return framed

    def acknowledge(self, number: int) -> None:
        """Drop the frames that the program has received, up to `number`."""
        while self._in_flight and self._in_flight[0][0] <= number:
            self._bytes_in_flight -= len(self._in_flight.popleft()[1])

    def resume(self, received: int) -> list[Input]:
        """Return what is to be sent again over a new connection, whose daemon has received up to number `received`."""
        self.acknowledge(received)
        return [*self._in_flight]


class Channel:
    """Sends and receives frames; sends nothing without a connection.

    `leaving`: DETACH was sent, so the daemon takes no more input.
    """

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.input = UnacknowledgedInput()
        self.frames: deque[tuple[int, bytes]] = deque()
        self.unwritten = b""
        self.leaving = False
        self._received = self._acknowledged = 0  # bytes of output and screens over this connection

    def replace_connection(self, connection: Connection, frames: bytes) -> None:
        """Close the connection, and send the first frames over another one."""
        self.close()
        self.connection = connection
        self.frames.extend(connection.take_frames())
        self._received = self._acknowledged = 0
        os.set_blocking(connection.inbound, False)
        os.set_blocking(connection.outbound, False)
        self.send(frames)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection, self.unwritten = None, b""
        self.frames.clear()

    def send(self, data: bytes = b"") -> bool:
        """Send or queue frames; return False if the daemon has closed the connection."""
        if self.connection is None:
            return False
        self.unwritten += data
        try:
            while self.unwritten:
                self.unwritten = self.unwritten[os.write(self.connection.outbound, self.unwritten) :]
        except BlockingIOError:
            return True
        except OSError:
            self.unwritten = b""
            return False
        return True

    @property
    def takes_input(self) -> bool:
        """True while the daemon takes input over this connection: from its WELCOME on, until DETACH was sent."""
        return self.connection is not None and self.connection.welcome != {} and not self.leaving

    def resume_input(self, received: int) -> None:
        """Send again what a daemon lacks that has received the input up to number `received`."""
        self._send_inputs(self.input.resume(received))

    def send_input(self) -> list[Input]:
        """Send queued input, if the daemon takes it now; return what was sent."""
        if not (self.input.unframed and self.takes_input):
            return []
        framed = self.input.frame()
        self._send_inputs(framed)
        return framed

    def _send_inputs(self, inputs: list[Input]) -> None:
        frames = b""
        for number, data in inputs:
            frames += protocol.numbered(protocol.INPUT, number, data)
        self.send(frames)

    def detach(self) -> bool:
        """Send DETACH; return False if the daemon cannot get it."""
        if not (self.takes_input and self.send(protocol.message(protocol.DETACH, {}))):
            return False
        self.leaving = True
        return True

    def count(self, data: bytes) -> None:
        """Count bytes of output or a screen that have come: GOT acknowledges all of them, shown or not."""
        self._received += len(data)

    def acknowledge_output(self, pending: int, every: int, held_back_from: int | None = None) -> None:
        """Send GOT for the bytes that the terminal has taken, once they are `every` more.

        `pending`: bytes that wait for the terminal; they count as in flight, so that little output precedes a Ctrl-C.
        `held_back_from`: the position from which on output is held back on purpose. It is acknowledged, so that it goes
        on coming, but the terminal may never get it.
        """
        taken = self._received - pending
        # A daemon that reads nothing gets no further GOT, which would make the queue endless.
        if not self.unwritten and taken - self._acknowledged >= every:
            self._acknowledged = taken
            self.send(protocol.got(taken, held_back_from))

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
