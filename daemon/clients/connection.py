"""One connection to the daemon: its requests, and its place in the log."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, TypedDict

from sesh import protocol
from sesh.daemon.clients.frames import FrameSocket
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


class Connection(FrameSocket):
    """A connection of a client or of somebody who asks; `creator`: that of the session's creator, until it asks."""

    def __init__(self, opened: socket.socket, *, creator: bool = False) -> None:
        super().__init__(opened)
        self.creator = creator
        self.role = ""
        self.data = bytearray()
        """DATA that has come before its REQUEST."""
        self.reader: Reader | None = None
        """What is fed OUTPUT over it: an attached client, or a follower of the output."""
        self.waits: dict[int, Wanted] = {}
        """The requests that are answered at the session's end, by number."""
        self.unanswered = 0
        """Requests that have not been answered yet."""
        self.due_ack = 0
        """The number of the newest INPUT that the program has and whose ACK is due, 0 for none."""

    @property
    def held(self) -> int:
        """Bytes that it has sent of an unfinished frame or request."""
        return len(self.data) + self.decoder.held

    @property
    def idle(self) -> bool:
        """True if it waits for nothing, and is sent nothing."""
        return not (self.reader or self.unanswered or self.unsent or self.backlog or self.creator)

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
        answer = protocol.message(protocol.RESPONSE, {"id": request, "ok": True, **values})
        self.queue(*protocol.data_frames(data), answer)
        self.unanswered -= 1

    def refuse(self, request: int, error: SeshError) -> None:
        """Answers a request with an error."""
        self.queue(protocol.message(protocol.RESPONSE, {"id": request, "error": error.facts()}))
        self.unanswered -= 1
