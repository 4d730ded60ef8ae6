"""A non-blocking socket that takes and gives frames; what it does not take yet waits."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from errno import EAGAIN
from typing import Any

from sesh import protocol

READ_SIZE = 1 << 16
"""Bytes that are read at once."""


class FrameSocket:
    """Frames that have come and are not handled yet (`backlog`), and bytes that wait to be sent."""

    def __init__(self, opened: socket.socket) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self.decoder = protocol.Decoder()
        self.backlog: deque[tuple[int, bytes]] = deque()
        self.closing = False
        """True if it is to be closed once all is sent."""
        self.closed = False
        """True if it has failed, or is closed."""
        self.blocked = False
        """True if the socket takes no more for now."""
        self.stirred: Callable[[Any], object] = lambda _: None
        """Called with this when there are bytes to send, or it is to be closed."""
        self.progress_at = self.heard_at = time.monotonic()
        """Times (monotonic) when the other side last took bytes, and last sent any."""
        self.unsent = 0
        self._out: deque[memoryview] = deque()

    @property
    def listening(self) -> bool:
        """True if its frames are still handled."""
        return not (self.closed or self.closing)

    def receive(self) -> bool:
        """Puts the frames that have come into the backlog; False if the other side closed. Raises ProtocolError."""
        try:
            data = self.socket.recv(READ_SIZE)
        except OSError as error:
            return error.errno == EAGAIN
        self.heard_at = time.monotonic()
        self.backlog += self.decoder.feed(data)
        return bool(data)

    def append(self, *parts: bytes | memoryview) -> None:
        """Append bytes to those that wait to be sent, for `flush`."""
        for part in parts:
            if part and not self.closed:
                self._out.append(memoryview(part))
                self.unsent += len(part)

    def queue(self, *parts: bytes | memoryview) -> None:
        """Append bytes to those that wait to be sent; the end of the turn sends them, if no `flush` does."""
        self.append(*parts)
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
        """Note that the other side took bytes."""
        self.progress_at = time.monotonic()

    def fail(self) -> None:
        """Note that it has failed. Its descriptor stays open until `drop`: no new connection gets its number before."""
        self.closed = True
        self.backlog.clear()
        self._out.clear()
        self.unsent = 0
        self.stirred(self)

    def drop(self) -> None:
        """Closes the connection now; what was not sent is lost with it."""
        self.fail()
        self.socket.close()
