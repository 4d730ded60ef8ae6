"""A connection to the daemon: its socket, requests, and position in the log."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from errno import EAGAIN
from itertools import islice
from math import inf
from typing import Any, Generic

from sesh import protocol
from sesh.daemon.pty.output_log import OutputLog
from sesh.errors import SeshError, TimedOut
from sesh.measures import uptime
from sesh.messages import Response

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
        self.shown_to: int | None = None  # the position that is acknowledged
        self._unconfirmed: deque[tuple[int, int]] = deque(maxlen=1024)  # `sent` and position after each later frame

    @property
    def room(self) -> int:
        return PIECE if self.sent - self._got < WINDOW else 0

    @property
    def drained(self) -> bool:
        """True if so few bytes are in flight that a screen would arrive soon."""
        return self.sent - self._got <= WINDOW >> 2

    def add(self, size: int, position: int) -> None:
        self.sent += size
        self._unconfirmed.append((self.sent, position))
        self._in_flight(position)

    def confirm(self, count: int) -> bool:
        """Handle a GOT for the first `count` bytes; return False if it is invalid."""
        is_valid = self._got < count <= self.sent
        if is_valid:
            self._got = count
            while self._unconfirmed and self._unconfirmed[0][0] <= count:
                self.shown_to = self._unconfirmed.popleft()[1]
        return is_valid


class Reader:
    """A reader of the log at a position: a follower, or an attached client."""

    window: Window | None = None  # of a client over a link
    limit = FOLLOWER_LAG  # bytes that it may lag; above it, the program waits, or the reader skips output

    def __init__(self, connection: PeerConnection, position: int) -> None:
        self.connection = connection
        self.position = position
        self.skipped = 0  # bytes

    def is_late(self, log: OutputLog) -> bool:
        return log.head - self.position + self.connection.unsent > self.limit

    @property
    def gets_output(self) -> bool:
        """True if the reader gets the program's bytes (OUTPUT)."""
        return True

    @property
    def room(self) -> int:
        """The most bytes that one frame may carry now; 0 while the window is full."""
        return protocol.CHUNK if self.window is None else self.window.room

    def skip_to(self, position: int) -> None:
        self.skipped += position - self.position
        self.position = position


class FrameSocket:
    """A non-blocking socket, with received frames to handle, and bytes to send."""

    def __init__(self, opened: socket.socket) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self.decoder = protocol.Decoder()
        self.backlog: deque[tuple[int, bytes]] = deque()  # frames to be handled: kind and payload
        self.closing = False  # to be closed once everything is sent
        self.closed = False  # has failed, or is closed
        self.blocked = False  # is not writable
        self.changed: Callable[[], object] = lambda: None  # called when bytes or a close are pending; set by the server
        self.progress_at = time.monotonic()  # time (monotonic) of the last bytes sent; over a link, of the last GOT
        self.heard_at = time.monotonic()  # time (monotonic) of the last bytes received
        self.unsent = 0
        self._out: deque[memoryview] = deque()

    @property
    def listening(self) -> bool:
        return not (self.closed or self.closing)

    @property
    def over(self) -> bool:
        """True if nothing more will be received or sent."""
        return self.closed or (self.closing and not self.unsent)

    def receive(self) -> bool:
        """Receive frames into the backlog; return False if the peer has closed. Raises ProtocolError."""
        try:
            data = self.socket.recv(READ_SIZE)
        except OSError as error:
            return error.errno == EAGAIN
        self.heard_at = time.monotonic()
        self.backlog += self.decoder.feed(data)
        return bool(data)

    def append(self, *parts: bytes | memoryview) -> None:
        for part in parts:
            if part and not self.closed:
                self._out.append(memoryview(part))
                self.unsent += len(part)

    def queue(self, *parts: bytes | memoryview) -> None:
        """Append bytes, which are sent at the end of the loop's turn at the latest."""
        self.append(*parts)
        self.changed()

    def close_when_sent(self) -> None:
        self.closing = True
        self.changed()

    def flush(self) -> bool:
        """Send as much as the socket accepts; return False if bytes are left."""
        while self._out and not self.closed:
            try:
                sent = self.socket.sendmsg(list(islice(self._out, 64)))
            except OSError as error:
                if error.errno == EAGAIN:
                    self.blocked = True
                    self.changed()
                    return False
                self.fail()
                break
            self.unsent -= sent
            self._progressed()
            while sent:
                first = self._out[0]
                if sent < len(first):
                    self._out[0] = first[sent:]
                    break
                sent -= len(first)
                self._out.popleft()
        self.blocked = False
        return True

    def _progressed(self) -> None:
        self.progress_at = time.monotonic()

    def fail(self) -> None:
        """Discard everything; the descriptor stays open until `drop`, so no connection gets its number."""
        self.closed = True
        self.backlog.clear()
        self._out.clear()
        self.unsent = 0
        self.changed()

    def drop(self) -> None:
        """Discard everything, and close the descriptor."""
        self.fail()
        self.socket.close()
        self.changed = lambda: None  # breaks a reference cycle, so that the buffers are freed now


class PeerConnection(FrameSocket):
    """A connection from a client or a caller: role, requests, and reader of the log."""

    def __init__(self, opened: socket.socket, *, awaits_creator: bool = False) -> None:
        super().__init__(opened)
        self.awaits_creator = awaits_creator  # it is the creator's, and no request has come over it yet
        self.role = Role.UNKNOWN
        self.data = bytearray()  # DATA of the next REQUEST
        self.reader: Reader | None = None
        self.open_requests = 0

    @property
    def unfinished(self) -> int:
        return len(self.data) + self.decoder.held

    @property
    def idle(self) -> bool:
        return not (self.reader or self.open_requests or self.unsent or self.backlog or self.awaits_creator)

    @property
    def stalled(self) -> bool:
        return time.monotonic() - self.progress_at > STALLED

    def _progressed(self) -> None:
        """Note progress after a send; over a link, only GOT is progress."""
        if self.reader is None or self.reader.window is None:
            self.progress_at = time.monotonic()

    def send_output(self, log: OutputLog) -> None:
        """Send queued bytes, then OUTPUT from the reader's position on, until the socket is full."""
        while True:
            if self._out:
                self.flush()  # what was queued; then what the last round has appended
            reader = self.reader
            if self._out or self.closed or reader is None or not reader.gets_output:
                return
            room = reader.room
            if reader.position >= log.head or not room:
                return
            if reader.position < log.base:
                reader.skip_to(log.base)
            views = log.read(reader.position, room)
            size = sum(map(len, views))
            self.append(protocol.output_header(reader.position, size), *views)
            reader.position += size
            if reader.window is not None:
                reader.window.add(size, reader.position)


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
        self._send({"ok": True, **response}, data)  # type: ignore[dict-item]  # each Response is a TypedDict

    def refuse(self, error: SeshError) -> None:
        self._send({"error": error.facts()}, b"")

    def _send(self, keys: Mapping[str, Any], data: bytes) -> None:
        response = protocol.message(protocol.RESPONSE, {"id": self.number, **keys})
        self.connection.queue(protocol.data_frames(data), response)
        self.connection.open_requests -= 1
