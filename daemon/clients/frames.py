"""A non-blocking socket that receives and sends frames."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from errno import EAGAIN

from sesh import protocol

READ_SIZE = 1 << 16


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
        self.stirred: Callable[[], object] = lambda: None
        """Called when bytes are to be sent, or the connection is to be closed."""
        self.progress_at = self.heard_at = time.monotonic()
        """Times (monotonic) when the peer last took bytes, and last sent any."""
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
        """Append bytes for `flush` to send."""
        for part in parts:
            if part and not self.closed:
                self._out.append(memoryview(part))
                self.unsent += len(part)

    def queue(self, *parts: bytes | memoryview) -> None:
        """Append bytes to send at the end of the turn, if no `flush` sends them before."""
        self.append(*parts)
        self.stirred()

    def close_when_sent(self) -> None:
        """Close the connection once all is sent; handle none of its frames any more."""
        self.closing = True
        self.stirred()

    def flush(self) -> bool:
        """Send as much as the socket takes; return whether nothing is left. A connection that fails is closed."""
        while self._out and not self.closed:
            try:
                sent = self.socket.sendmsg([self._out[index] for index in range(min(64, len(self._out)))])
            except OSError as error:
                if error.errno == EAGAIN:
                    self.blocked = True
                    self.stirred()
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
        self.stirred()

    def drop(self) -> None:
        """Close the connection now; unsent bytes are lost."""
        self.fail()
        self.socket.close()
        self.stirred = lambda: None  # it refers to the connection, whose buffers are freed now
