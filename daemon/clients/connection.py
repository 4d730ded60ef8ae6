"""One connection to the daemon: a socket that receives and sends frames, its requests, and its place in the log."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from errno import EAGAIN
from typing import TYPE_CHECKING, Literal

from sesh import protocol
from sesh.daemon.pty.output_log import OutputLog
from sesh.errors import SeshError, UsageError
from sesh.messages import Answer, Ask

if TYPE_CHECKING:
    from typing_extensions import Unpack

READ_SIZE = 1 << 16
FOREIGN = "foreign"  # a peer with another protocol number, which may only ask for `reload`
STALLED = 2.0  # seconds without a byte taken, after which the program waits for a reader no longer
FOLLOWER_LAG = 16 << 20  # bytes that a follower of a job's output may be behind


class FrameSocket:
    """A socket, its frames that are not handled yet (`backlog`), and bytes that wait to be sent.

    `closing`: close it once all is sent. `closed`: it has failed, or is closed. `blocked`: the socket takes no more.
    """

    def __init__(self, opened: socket.socket) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self.decoder = protocol.Decoder()
        self.backlog: deque[tuple[int, bytes]] = deque()
        self.closing = False
        self.closed = False
        self.blocked = False
        self.changed: Callable[[], object] = lambda: None  # there are bytes to send, or it is to be closed
        self.progress_at = self.heard_at = time.monotonic()  # times (monotonic) of bytes taken, and received
        self.unsent = 0
        self._out: deque[memoryview] = deque()

    @property
    def listening(self) -> bool:
        return not (self.closed or self.closing)

    def receive(self) -> bool:
        """Put frames that have come into the backlog; return False if the peer has closed. Raise ProtocolError."""
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
        """Append bytes to send at the end of the turn, if no `flush` sends them before."""
        self.append(*parts)
        self.changed()

    def close_when_sent(self) -> None:
        """Close the connection once all is sent; handle none of its frames any more."""
        self.closing = True
        self.changed()

    def flush(self) -> bool:
        """Send as much as the socket takes; return whether nothing is left. A connection that fails is closed."""
        while self._out and not self.closed:
            try:
                sent = self.socket.sendmsg([self._out[index] for index in range(min(64, len(self._out)))])
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
        """Note the failure. The descriptor stays open until `drop`: no new connection gets its number before."""
        self.closed = True
        self.backlog.clear()
        self._out.clear()
        self.unsent = 0
        self.changed()

    def drop(self) -> None:
        """Close the connection now; unsent bytes are lost."""
        self.fail()
        self.socket.close()
        self.changed = lambda: None  # it refers to the connection, whose buffers are freed now


class Reader:
    """A place in the log from which a connection is fed OUTPUT: a follower of the output, or an attached client."""

    confirms = False  # true if its end, over a link, reports the bytes that have come there (GOT)
    limit = FOLLOWER_LAG  # bytes that it may be behind before the program waits for it, or leaves it behind

    def __init__(self, connection: Connection, position: int) -> None:
        self.connection = connection
        self.position = position
        self.skipped = 0

    def late(self, log: OutputLog) -> bool:
        return log.head - self.position + self.connection.unsent > self.limit

    def fed(self) -> bool:
        """Return whether the reader gets OUTPUT at all."""
        return True

    def room(self) -> int:
        return protocol.CHUNK

    def was_sent(self, size: int) -> None:
        """Note that so many bytes of OUTPUT or SCREEN were sent."""

    def skip_to(self, position: int) -> None:
        self.skipped += position - self.position
        self.position = position


class Connection(FrameSocket):
    """A connection of a client or a caller; `creator`: of the session's creator, until its first request."""

    def __init__(self, opened: socket.socket, *, creator: bool = False) -> None:
        super().__init__(opened)
        self.creator = creator
        self.role = ""
        self.data = bytearray()  # DATA that has come before its REQUEST
        self.reader: Reader | None = None
        self.unanswered = 0
        self.due_ack = 0  # the number of the newest INPUT whose ACK is due, 0 for none

    @property
    def unfinished(self) -> int:
        return len(self.data) + self.decoder.held

    @property
    def idle(self) -> bool:
        return not (self.reader or self.unanswered or self.unsent or self.backlog or self.creator)

    @property
    def stalled(self) -> bool:
        return time.monotonic() - self.progress_at > STALLED

    def _progressed(self) -> None:
        """Note that the peer took bytes; of a link's end only GOT says that."""
        if self.reader is None or not self.reader.confirms:
            self.progress_at = time.monotonic()

    def feed(self, log: OutputLog) -> None:
        """Send waiting bytes, then OUTPUT from the reader's position on, as far as the socket takes it."""
        while self.flush() and not self.closed:
            reader = self.reader
            if reader is None or not reader.fed() or not reader.room() or reader.position >= log.head:
                return
            if reader.position < log.base:
                reader.skip_to(log.base)
            views = log.read(reader.position, reader.room())
            size = sum(map(len, views))
            ack, self.due_ack = self.due_ack, 0
            self.append(protocol.output_header(reader.position, size, ack), *views)
            reader.position += size
            reader.was_sent(size)

    def send_ack(self) -> None:
        """Send the ACK that is due, if any, ahead of output."""
        if self.due_ack:
            self.queue(protocol.numbered(protocol.ACK, self.due_ack, b""))
            self.due_ack = 0
            self.flush()

    def respond(self, request: int, data: bytes = b"", **values: Unpack[Answer]) -> None:
        answer = protocol.message(protocol.RESPONSE, {"id": request, "ok": True, **values})
        self.queue(protocol.data_frames(data), answer)
        self.unanswered -= 1

    def refuse(self, request: int, error: SeshError) -> None:
        self.queue(protocol.message(protocol.RESPONSE, {"id": request, "error": error.facts()}))
        self.unanswered -= 1


class Request:
    """One REQUEST: its connection, its number, its JSON, and the DATA that came before it."""

    def __init__(self, connection: Connection, number: int, words: Ask, data: bytes) -> None:
        self.connection, self.number, self.words, self.data = connection, number, words, data
        self.verb = words.get("verb", "")

    def respond(self, data: bytes = b"", **values: Unpack[Answer]) -> None:
        self.connection.respond(self.number, data, **values)

    def refuse(self, error: SeshError) -> None:
        self.connection.refuse(self.number, error)

    def position(self, key: Literal["since", "from"]) -> int | str | None:
        """Return a position in the output, or a word for one. Raises UsageError for another text."""
        value = self.words.get(key)
        if isinstance(value, str) and value not in ("screen", "sent", "start"):
            raise UsageError(f"{key} must be a position in the output")
        return value
