"""A connection to the daemon: its socket, requests, and position in the log."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from errno import EAGAIN
from math import inf
from typing import Any, Generic

from sesh.daemon.pty.output_log import OutputLog
from sesh.errors import SeshError, TimedOut
from sesh.system.clock import uptime
from sesh.wire import protocol
from sesh.wire.messages import Response

READ_SIZE = 1 << 16
Steps = Iterator[float]  # the steps of a request that takes time; each yields the seconds until the next one
STALLED = 2.0  # seconds without progress after which the program does not wait for a reader any more
FOLLOWER_LAG = 16 << 20  # bytes that a follower of the output may lag before it is late
WINDOW = 256 << 10  # bytes in flight; at the limit, no more are sent until a GOT
MARGIN = 2.0  # seconds before a caller's deadline by which its response is sent
PIECE = 16 << 10  # bytes of one frame: the client sends GOT for whole frames


class Role(Enum):
    UNKNOWN = auto()  # no HELLO has come
    KNOWN = auto()  # a client or a caller
    FOREIGN = auto()  # one with another protocol number; only its request `reload` is handled


class Window:
    """The window of a link: bytes of output that no GOT has acknowledged yet.

    The buffers of a link (sockets, pipes, ssh's window, TCP) hold megabytes. A client over a link gets no OUTPUT while
    `WINDOW` bytes are in flight, so that no echo waits behind seconds of output.
    """

    def __init__(self, in_flight: Callable[[int], object]) -> None:
        self._in_flight = in_flight  # remembers the state at a position, where the terminal is if its link breaks
        self.sent = 0  # bytes of output
        self._got = 0  # the acknowledged ones
        self.progress_at = time.monotonic()  # time (monotonic) of the last GOT after which few bytes were in flight

    @property
    def room(self) -> int:
        return PIECE if self.sent - self._got < WINDOW else 0

    @property
    def drained(self) -> bool:
        """True if so few bytes are in flight that a screen would arrive soon."""
        return self.sent - self._got <= WINDOW >> 2

    def add(self, size: int, position: int) -> None:
        self.sent += size
        self._in_flight(position)

    def confirm(self, count: int) -> None:
        """Handle a GOT for the first `count` bytes; ignore an invalid one."""
        if self._got < count <= self.sent:
            self._got = count
            if self.drained:  # a full link counts as stalled
                self.progress_at = time.monotonic()


class Reader:
    """A reader of the log at a position: a follower, or an attached client."""

    window: Window | None = None  # of a client over a link
    limit = FOLLOWER_LAG  # bytes that it may lag; above it, the program waits, or the reader skips output

    def __init__(self, connection: PeerConnection, position: int) -> None:
        self.connection = connection
        self.position = position
        self.skipped = 0  # bytes

    def is_late(self, log: OutputLog) -> bool:
        return log.head - self.position + len(self.connection.unsent) > self.limit

    @property
    def gets_output(self) -> bool:
        """True if the reader gets the program's bytes (OUTPUT)."""
        return True

    @property
    def room(self) -> int:
        """The most bytes that one frame may carry now; 0 while the window is full."""
        return protocol.CHUNK if self.window is None else self.window.room

    @property
    def stalled(self) -> bool:
        progress_at = self.connection.progress_at if self.window is None else self.window.progress_at
        return time.monotonic() - progress_at > STALLED

    def skip_to(self, position: int) -> None:
        self.skipped += position - self.position
        self.position = position


class PeerConnection:
    """A connection from a client or a caller: socket, frames, role, reader of the log."""

    def __init__(self, opened: socket.socket, *, awaits_creator: bool = False) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self.decoder = protocol.Decoder()
        self.backlog: deque[tuple[int, bytes]] = deque()  # frames to be handled: kind and payload
        self.unsent = bytearray()
        self.closed = False  # handles and queues no more frames, and is dropped once everything is sent
        self.blocked = False  # is not writable
        self.changed: Callable[[], object] = lambda: None  # called when bytes or a close are pending; set by the server
        self.progress_at = time.monotonic()  # time (monotonic) of the last bytes sent
        self.awaits_creator = awaits_creator  # it is the creator's, and no request has come over it yet
        self.role = Role.UNKNOWN
        self.data = bytearray()  # DATA of the next REQUEST
        self.reader: Reader | None = None
        self.open_requests = 0

    @property
    def unfinished(self) -> int:
        return len(self.data) + len(self.decoder.held)

    @property
    def idle(self) -> bool:
        return not (self.reader or self.open_requests or self.unsent or self.backlog or self.awaits_creator)

    def receive(self) -> bool:
        """Receive frames into the backlog; return False if the peer has closed. Raises ProtocolError."""
        try:
            data = self.socket.recv(READ_SIZE)
        except OSError as error:
            return error.errno == EAGAIN
        self.backlog += self.decoder.feed(data)
        return bool(data)

    def queue(self, *parts: bytes) -> None:
        """Append bytes, which are sent at the end of the loop's turn at the latest."""
        if not self.closed:
            for part in parts:
                self.unsent += part
            self.changed()

    def send_output(self, log: OutputLog) -> None:
        """Send queued bytes, then OUTPUT from the reader's position on, until the socket is full."""
        while not self.unsent or self.flush():
            reader = self.reader
            if reader is None or self.closed or reader.position >= log.head or not reader.gets_output:
                return
            if not (room := reader.room):
                return
            if reader.position < log.base:
                reader.skip_to(log.base)
            size = min(room, log.head - reader.position)
            self.unsent += protocol.output_header(reader.position, size)
            for piece in log.read(reader.position, size):
                self.unsent += piece
            reader.position += size
            if reader.window is not None:
                reader.window.add(size, reader.position)

    def flush(self) -> bool:
        """Send as much as the socket accepts; return False if bytes are left."""
        while self.unsent:
            try:
                sent = self.socket.send(self.unsent)
            except OSError as error:
                if error.errno == EAGAIN:
                    self.blocked = True
                    self.changed()
                    return False
                self.fail()
                break
            del self.unsent[:sent]
            self.progress_at = time.monotonic()
        self.blocked = False
        return True

    def close_when_sent(self) -> None:
        self.closed = True
        self.changed()

    def fail(self) -> None:
        """Discard everything; the descriptor stays open until `drop`, so no connection gets its number."""
        self.backlog.clear()
        self.unsent.clear()
        self.close_when_sent()

    def drop(self) -> None:
        """Discard everything, and close the descriptor."""
        self.fail()
        self.socket.close()
        self.reader = None  # this and `changed` are reference cycles: without them, the buffers are freed now
        self.changed = lambda: None


@dataclass(eq=False)
class PeerRequest(Generic[Response]):
    """A request that a caller has made, and has no response yet."""

    connection: PeerConnection
    number: int
    data: bytes
    name: str = ""
    begin_by: float | None = None  # its deadline, see `Envelope`

    def check_deadline(self, session: str) -> None:
        """Raise TimedOut if the request may not begin any more."""
        if self.begin_by is not None and uptime() > self.begin_by:
            raise TimedOut(f"{session} was asked too late; nothing was done")

    @property
    def time_left(self) -> float:
        """The seconds until the response is due."""
        return inf if self.begin_by is None else max(0.0, self.begin_by - MARGIN - uptime())

    def respond(self, response: Response, data: bytes = b"") -> None:
        self._send({"result": response}, data)

    def refuse(self, error: SeshError) -> None:
        self._send({"error": error.facts()}, b"")

    def _send(self, keys: Mapping[str, Any], data: bytes) -> None:
        response = protocol.message(protocol.RESPONSE, {"id": self.number, **keys})
        self.connection.queue(protocol.data_frames(data), response)
        self.connection.open_requests -= 1
