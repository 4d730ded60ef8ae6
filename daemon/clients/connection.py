"""One connection to the daemon: its requests, and its place in the log."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from sesh import protocol
from sesh.daemon.clients.frames import FrameSocket
from sesh.daemon.pty.output_log import OutputLog
from sesh.errors import SeshError
from sesh.messages import Answer

if TYPE_CHECKING:
    from typing_extensions import Unpack

FOREIGN = "foreign"
"""The role of a connection whose HELLO has another protocol number: it may ask for `reload`, and nothing else."""
STALLED = 2.0
"""Seconds in which a reader took no byte, after which the program no longer waits for it."""
FOLLOWER_LAG = 16 << 20
"""Bytes that a follower of a job's output may be behind."""
WINDOW, PIECE = 256 << 10, 16 << 10
"""Bytes that may be on their way over a link; and that are sent at once: GOT comes when a frame is whole."""


class Window:
    """Bytes of OUTPUT and SCREEN on their way over one link, so that no key waits behind seconds of old output.

    The buffers on the way (sockets, pipes, ssh's window, TCP) hold megabytes. So the client reports the bytes that have
    come (GOT), and no more than a window is sent beyond them.
    """

    def __init__(self) -> None:
        self.sent = self._got = 0

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        return PIECE if self.sent - self._got < WINDOW else 0

    @property
    def drained(self) -> bool:
        """True if so little is on its way that a screen would come soon."""
        return self.sent - self._got <= WINDOW >> 2

    def arrived(self, count: int) -> bool:
        """Take the report of all bytes that came; return whether it is news. Ignore an impossible count."""
        news = self._got < count <= self.sent
        if news:
            self._got = count
        return news


class Reader:
    """A place in the log from which a connection is fed OUTPUT: a follower of the output, or an attached client."""

    window: Window | None = None
    limit = FOLLOWER_LAG
    """Bytes that it may be behind; then the program waits for it, or goes on without it."""

    def __init__(self, connection: Connection, position: int) -> None:
        self.connection = connection
        self.position = position
        self.skipped = 0
        """Bytes that it did not get."""

    def late(self, log: OutputLog) -> bool:
        """Return whether more than its limit has not been taken yet."""
        return log.head - self.position + self.connection.unsent > self.limit

    def fed(self) -> bool:
        """Return whether the reader gets OUTPUT at all, be there room or not."""
        return True

    def room(self) -> int:
        """Return how many bytes it may be sent at once; 0 for none now."""
        return protocol.CHUNK if self.window is None else self.window.room

    def was_sent(self, size: int) -> None:
        """Note that so many bytes of OUTPUT or SCREEN were sent."""
        if self.window is not None:
            self.window.sent += size

    def skip_to(self, position: int) -> None:
        """Go on at a later position."""
        self.skipped += position - self.position
        self.position = position


class Connection(FrameSocket):
    """A connection of a client or of somebody who asks; `creator`: that of the session's creator, until it asks."""

    def __init__(self, opened: socket.socket, *, creator: bool = False) -> None:
        super().__init__(opened)
        self.creator = creator
        self.role = ""
        self.data = bytearray()
        """DATA that has come before its REQUEST."""
        self.reader: Reader | None = None
        self.waits: dict[int, bool] = {}
        """The requests that are answered at the session's end, by number; True for an answer with the output."""
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

    @property
    def stalled(self) -> bool:
        """True if the other side has taken nothing for a while."""
        return time.monotonic() - self.progress_at > STALLED

    def _progressed(self) -> None:
        """Note that the other side took bytes; a link's report of them is awaited (GOT)."""
        if self.reader is None or self.reader.window is None:
            self.progress_at = time.monotonic()

    def feed(self, log: OutputLog) -> None:
        """Send what waits, then OUTPUT from the reader's position on, as far as the socket takes it."""
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
        """Answer a request, with bytes if it has any."""
        answer = protocol.message(protocol.RESPONSE, {"id": request, "ok": True, **values})
        self.queue(protocol.data_frames(data), answer)
        self.unanswered -= 1

    def refuse(self, request: int, error: SeshError) -> None:
        """Answer a request with an error."""
        self.queue(protocol.message(protocol.RESPONSE, {"id": request, "error": error.facts()}))
        self.unanswered -= 1
