"""One connection to the daemon: its frames, its unsent bytes, and its place in the log."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from errno import EAGAIN
from typing import TYPE_CHECKING, TypedDict

from sesh import protocol, wire
from sesh.daemon.clients.window import Window
from sesh.daemon.pty.output_log import OutputLog
from sesh.errors import SeshError
from sesh.messages import Answer

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Wanted(TypedDict):
    """Contents of the answer to a request at the session's end."""

    output: bool


FOREIGN = "foreign"
"""The role of a connection whose HELLO has another protocol number: it may ask for `reload`, and nothing else."""
READ_SIZE = 1 << 16
"""Bytes that are read at once."""
_SMALL = 2 << 10
"""A block up to this size is copied behind its header, which is faster than sending both with `sendmsg`."""


class Reader:
    """A place in the log from which a connection is fed OUTPUT."""

    __slots__ = ("connection", "position", "skipped")

    window: Window | None = None
    """Bytes that may be on their way over its link, if it reports those that have come."""

    def __init__(self, connection: Connection, position: int) -> None:
        self.connection = connection
        self.position = position
        self.skipped = 0

    def behind(self, log: OutputLog) -> int:
        """Bytes that the other side has not taken yet."""
        return log.head - self.position + self.connection.unsent

    def fed(self) -> bool:
        """Returns whether the reader gets OUTPUT at all, be there room or not."""
        return True

    def room(self) -> int:
        """Bytes of OUTPUT that it may be sent at once; 0 for none now."""
        return protocol.CHUNK

    def was_sent(self, size: int) -> None:
        """Notes that so many bytes of OUTPUT or SCREEN were sent."""
        if self.window is not None:
            self.window.add(size)


class Connection:
    """A non-blocking socket that speaks the protocol, and its requests."""

    def __init__(self, opened: socket.socket, *, creator: bool = False) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self.creator = creator
        """True if it is that of the session's creator, who has not said yet what it wants."""
        self.role = ""
        self.decoder = protocol.Decoder()
        self.data = bytearray()
        self.reader: Reader | None = None
        """What is fed OUTPUT over it: an attached client, or a follower of the output."""
        self.backlog: deque[tuple[int, bytes]] = deque()
        """Frames that have come and are not handled yet."""
        self.waits: dict[int, Wanted] = {}
        """The requests that are answered at the session's end, by number."""
        self.closing = False
        """True if it is to be closed once all is sent."""
        self.closed = False
        """True if it has failed, or is closed."""
        self.blocked = False
        """True if its socket takes no more for now."""
        self.stirred: Callable[[Connection], object] = lambda _: None
        """Called when there are bytes to send, or it is to be closed."""
        self.progress_at = self.heard_at = time.monotonic()
        """Times (monotonic) when the other side last took bytes, or told that a link's came; and last sent any."""
        self.unsent = 0
        self.unanswered = 0
        """Requests that have not been answered yet."""
        self.due_ack = 0
        """The number of the newest INPUT that the program has and whose ACK is due, 0 for none."""
        self._out: deque[memoryview] = deque()

    @property
    def listening(self) -> bool:
        """True if its frames are still handled."""
        return not (self.closed or self.closing)

    @property
    def held(self) -> int:
        """Bytes that it has sent of an unfinished frame or request."""
        return len(self.data) + self.decoder.held

    @property
    def idle(self) -> bool:
        """True if it waits for nothing, and is sent nothing."""
        return not (self.reader or self.unanswered or self.unsent or self.backlog or self.creator)

    def receive(self) -> bool:
        """Puts the frames that have come into the backlog; False if the other side closed. Raises ProtocolError."""
        try:
            data = self.socket.recv(READ_SIZE)
        except OSError as error:
            return error.errno == EAGAIN
        self.heard_at = time.monotonic()
        self.backlog += self.decoder.feed(data)
        return bool(data)

    def begin(self, request: int) -> bool:
        """Tells the asker that a request is going to be carried out, then returns whether it still is to be.

        An asker that gives up shuts its end down first, and then looks for BEGUN (`wire.Connection.give_up`): either it
        is seen here to have gone, or it sees that the request has begun. One whose socket is full cannot see that.
        """
        self.queue(protocol.numbered(protocol.BEGUN, request, b""))
        if not self.flush() or (not self.closed and wire.hung_up(self.socket.fileno())):
            self.fail()
        return not self.closed

    def queue(self, *parts: bytes | memoryview) -> None:
        """Appends bytes to those that wait to be sent; `flush` sends them, or the end of the turn."""
        for part in parts:
            if part and not self.closed:
                self._out.append(memoryview(part))
                self.unsent += len(part)
        self.stirred(self)

    def close_when_sent(self) -> None:
        """Close the connection once all is sent; handle none of its frames any more."""
        self.closing = True
        self.stirred(self)

    def flush(self) -> bool:
        """Sends what the socket takes; returns whether nothing is left to send. A connection that fails is closed."""
        while self._out and not self.closed:
            try:
                sent = self.socket.sendmsg([self._out[index] for index in range(min(64, len(self._out)))])
            except OSError as error:
                if error.errno == EAGAIN:
                    self.blocked = True
                    self.stirred(self)
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
        """Note that the other side took bytes; a link's report of them is awaited (GOT)."""
        if self.reader is None or self.reader.window is None:
            self.progress_at = time.monotonic()

    def feed(self, log: OutputLog) -> None:
        """Sends what waits, then OUTPUT from the reader's position on, as far as the socket takes it."""
        while self.flush() and not self.closed:
            reader = self.reader
            room = reader.room() if reader is not None else 0
            if reader is None or not room or reader.position >= log.head:
                return
            if reader.position < log.base:
                reader.skipped += log.base - reader.position
                reader.position = log.base
            self._queue_output(reader, log, room)

    def queue_rest(self, log: OutputLog) -> None:
        """Queues OUTPUT up to the log's head, whatever the socket and the link take."""
        reader = self.reader
        while reader is not None and reader.fed() and log.base <= reader.position < log.head:
            self._queue_output(reader, log, protocol.CHUNK)

    def _queue_output(self, reader: Reader, log: OutputLog, most: int) -> None:
        views = log.read(reader.position, most)
        size = sum(map(len, views))
        self.queue(self._take_header(reader, size), *views)
        reader.position += size
        reader.was_sent(size)

    def pass_on(self, log: OutputLog, block: bytes) -> None:
        """Sends the block that was appended last, at once if nothing waits before it; else as `feed` does."""
        reader = self.reader
        position, size = log.head - len(block), len(block)
        if self._out or self.closed or reader is None or reader.position != position or not 0 < size <= reader.room():
            self.feed(log)
            return
        prefix = self._take_header(reader, size)
        try:
            if size <= _SMALL:
                sent = self.socket.send(prefix + block)
            else:
                sent = self.socket.sendmsg((prefix, block))
        except OSError:  # `flush` finds out which
            sent = 0
        reader.position += size
        reader.was_sent(size)
        if sent:
            self._progressed()
        if sent < len(prefix) + size:
            self.queue(prefix[sent:], memoryview(block)[max(0, sent - len(prefix)) :])
            self.flush()

    def _take_header(self, reader: Reader, size: int) -> bytes:
        """Take the bytes before so much output: the ACK that is due, and the header."""
        ack, self.due_ack = self.due_ack, 0
        return protocol.output_header(reader.position, size, ack)

    def take_ack(self) -> bytes:
        """Take the ACK that is due, empty if none is."""
        ack, self.due_ack = self.due_ack, 0
        return protocol.numbered(protocol.ACK, ack, b"") if ack else b""

    def respond(self, request: int, data: bytes = b"", **values: Unpack[Answer]) -> None:
        """Answers a request, with bytes if it has any."""
        for start in range(0, len(data), protocol.CHUNK):
            self.queue(protocol.frame(protocol.DATA, data[start : start + protocol.CHUNK]))
        self.queue(protocol.message(protocol.RESPONSE, {"id": request, "ok": True, **values}))
        self.unanswered -= 1

    def refuse(self, request: int, error: SeshError) -> None:
        """Answers a request with an error."""
        self.queue(protocol.message(protocol.RESPONSE, {"id": request, "error": error.facts()}))
        self.unanswered -= 1

    def fail(self) -> None:
        """Gives the connection up. Its descriptor stays open until `drop`: no new connection gets its number before."""
        self.closed = True
        self.backlog.clear()
        self._out.clear()
        self.unsent = 0
        self.stirred(self)

    def drop(self) -> None:
        """Closes the connection now; what was not sent is lost with it."""
        self.fail()
        self.socket.close()
