"""One connection to the daemon: its unfinished frame, its unsent bytes, and the reading of the log that it does."""

from __future__ import annotations

import time
from errno import EAGAIN

from sesh import protocol
from sesh.errors import SeshError
from sesh.lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.clients.client import Client
    from sesh.daemon.pty.output_log import OutputLog
    from sesh.lean import socket

_READ = 1 << 16
_SMALL = 2 << 10
"""Bytes that are copied behind their header faster than both are sent from where they are."""


class Reader:
    """A place in the log from which a connection is fed OUTPUT."""

    __slots__ = ("connection", "position", "skipped")

    def __init__(self, connection: Connection, position: int) -> None:
        self.connection = connection
        self.position = position
        self.skipped = 0

    def behind(self, log: OutputLog) -> int:
        """Bytes that the connection's socket has not taken yet."""
        return log.head - self.position + self.connection.unsent

    def fed(self) -> bool:
        """Whether the reader is to get OUTPUT now."""
        return True


class Connection:
    """A non-blocking socket that speaks the protocol; what it asked for hangs on it."""

    def __init__(self, opened: socket.socket, *, first: bool = False) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self.first = first
        self.role = ""
        self.decoder = protocol.Decoder()
        self.data = bytearray()
        self.client: Client | None = None
        self.reader: Reader | None = None
        self.backlog: deque[tuple[int, bytes]] = deque()
        """Frames that have come and were not dealt with yet."""
        self.waits: dict[int, dict[str, Any]] = {}
        self.closing = False
        self.closed = False
        self.blocked = False
        self.touched = time.monotonic()
        """When the other side last took bytes."""
        self.unsent = 0
        self.owed = 0
        """Requests that have not been answered yet."""
        self._acknowledged = 0
        self._out: deque[memoryview] = deque()

    @property
    def listening(self) -> bool:
        """Whether what the connection says is still heard."""
        return not (self.closed or self.closing)

    @property
    def idle(self) -> bool:
        """Whether the connection has asked for nothing that it has not got."""
        return not (self.client or self.reader or self.owed or self.unsent or self.backlog or self.first)

    def wants(self, log: OutputLog) -> bool:
        """Whether something is to be done for it: frames to deal with, bytes to send, a connection to close."""
        if self.backlog or self.closed or self.closing:
            return True
        reader = self.reader
        return not self.blocked and (self.unsent > 0 or (reader is not None and reader.position < log.head))

    def receive(self) -> bool:
        """Puts the frames that have come into the backlog; False where the other side closed. Raises ProtocolError."""
        try:
            data = self.socket.recv(_READ)
        except OSError as error:
            return error.errno == EAGAIN
        self.backlog += self.decoder.feed(data)
        return bool(data)

    def queue(self, *parts: bytes | memoryview) -> None:
        """Puts bytes behind those that wait to be sent; `flush` sends them."""
        for part in parts:
            if part and not self.closed:
                self._out.append(memoryview(part))
                self.unsent += len(part)

    def flush(self) -> bool:
        """Sends what the socket takes; whether all of it went out. A connection that is gone counts as closed."""
        while self._out and not self.closed:
            try:
                sent = self.socket.sendmsg(
                    list(self._out) if len(self._out) <= 64 else [self._out[at] for at in range(64)]
                )
            except OSError as error:
                if error.errno == EAGAIN:
                    self.blocked = True
                    return False
                self.fail()
                break
            self.unsent -= sent
            self.touched = time.monotonic()
            while sent:
                first = self._out[0]
                if sent < len(first):
                    self._out[0] = first[sent:]
                    break
                sent -= len(first)
                self._out.popleft()
        self.blocked = False
        return True

    def feed(self, log: OutputLog) -> None:
        """Sends what waits, then OUTPUT from the reader's position on, as far as the socket takes it."""
        while self.flush() and not self.closed:
            reader = self.reader
            if reader is None or not reader.fed() or reader.position >= log.head:
                return
            if reader.position < log.base:
                reader.skipped += log.base - reader.position
                reader.position = log.base
            views = log.read(reader.position, protocol.CHUNK)
            size = sum(map(len, views))
            self.settle()
            self.queue(protocol.numbered_header(protocol.OUTPUT, reader.position, size), *views)
            reader.position += size

    def kept(self) -> tuple[bytes, int]:
        """The bytes that wait to be sent, and the number of the INPUT whose ACK is due, 0 for none."""
        return b"".join(self._out), self._acknowledged

    def pass_on(self, log: OutputLog, block: bytes) -> None:
        """Sends the block that was appended last, at once where nothing stands before it; else as `feed` does."""
        reader = self.reader
        position, size = log.head - len(block), len(block)
        if self._out or self.closed or reader is None or reader.position != position or not 0 < size <= protocol.CHUNK:
            self.feed(log)
            return
        if not reader.fed():
            return
        before = protocol.numbered_header(protocol.OUTPUT, position, size)
        if self._acknowledged:
            before = protocol.numbered_header(protocol.ACK, self._acknowledged, 0) + before
            self._acknowledged = 0
        try:
            if size <= _SMALL:
                sent = self.socket.send(before + block)
            else:
                sent = self.socket.sendmsg((before, block))
        except OSError:  # what kind of, `flush` finds out
            sent = 0
        reader.position += size
        if sent:
            self.touched = time.monotonic()
        if sent < len(before) + size:
            self.queue(before[sent:], memoryview(block)[max(0, sent - len(before)) :])
            self.flush()

    def acknowledge(self, number: int) -> None:
        """Notes that INPUT up to `number` is with the program; the next output, or `settle`, carries the ACK."""
        self._acknowledged = number

    def settle(self) -> None:
        """Queues the ACK that is due."""
        if self._acknowledged:
            self.queue(protocol.numbered(protocol.ACK, self._acknowledged, b""))
            self._acknowledged = 0

    def respond(self, asked: int, data: bytes = b"", **values: Any) -> None:
        """Answers request number `asked`, with bytes where the answer has any."""
        for at in range(0, len(data), protocol.CHUNK):
            self.queue(protocol.frame(protocol.DATA, data[at : at + protocol.CHUNK]))
        self.queue(protocol.message(protocol.RESPONSE, {"id": asked, "ok": True, **values}))
        self.owed -= 1

    def refuse(self, asked: int, error: SeshError) -> None:
        """Answers request number `asked` with an error."""
        self.queue(protocol.message(protocol.RESPONSE, {"id": asked, "error": error.facts()}))
        self.owed -= 1

    def fail(self) -> None:
        """Gives the connection up. Its descriptor stays open until `drop`: the number must not go to another before."""
        self.closed = True
        self.backlog.clear()
        self._out.clear()
        self.unsent = 0

    def drop(self) -> None:
        """Closes the connection now; what was not sent is lost with it."""
        self.fail()
        self.socket.close()
