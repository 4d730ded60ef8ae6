"""A connection to the daemon: its socket, frames and requests, and what reads the output over it."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from errno import EAGAIN
from math import inf
from typing import Any, Generic

from sesh.errors import SeshError, TimedOut
from sesh.system.clock import uptime
from sesh.wire import protocol
from sesh.wire.messages import Response

READ_SIZE = 1 << 16
Steps = Iterator[float]  # the steps of a request that takes time; each yields the seconds until the next one
MARGIN = 2.0  # seconds before a caller's deadline by which its response is sent


class Role(Enum):
    UNKNOWN = auto()  # no HELLO has come
    KNOWN = auto()  # a client or a caller
    FOREIGN = auto()  # one with another protocol number; only its request `reload` is handled


class Reader:
    """A reader of the log over a connection: a follower of the output, or an attached client."""

    def __init__(self, connection: PeerConnection) -> None:
        self.connection = connection


Outbox = dict["PeerConnection", None]
"""The connections that have something to send, are to be closed, or are watched for something else from now on."""


class PeerConnection:
    """A connection from a client or a caller. Its frames wait in `backlog`, and its bytes in `unsent`."""

    def __init__(self, opened: socket.socket, outbox: Outbox, *, awaits_creator: bool = False) -> None:
        opened.setblocking(False)
        self.socket = opened
        self.descriptor: int = opened.fileno()
        self._outbox = outbox
        self.decoder = protocol.Decoder()
        self.backlog: deque[tuple[int, bytes]] = deque()  # frames to be handled: kind and payload
        self.unsent = bytearray()
        self.closing = False  # handles and queues no more frames, and is dropped once everything is sent
        self.blocked = False  # is not writable
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
        """Append bytes, which the turn sends."""
        if not self.closing:
            for part in parts:
                self.unsent += part
            self._outbox[self] = None

    def flush(self) -> bool:
        """Send as much as the socket accepts; return False if bytes are left."""
        while self.unsent:
            try:
                sent = self.socket.send(self.unsent)
            except OSError as error:
                if error.errno == EAGAIN:
                    self.blocked = True
                    self._outbox[self] = None
                    return False
                self.discard()
                break
            del self.unsent[:sent]
            self.progress_at = time.monotonic()
        self.blocked = False
        return True

    def close_when_sent(self) -> None:
        self.closing = True
        self._outbox[self] = None

    def discard(self) -> None:
        """Discard everything; the descriptor stays open until `drop`, so no connection gets its number."""
        self.backlog.clear()
        self.unsent.clear()
        self.close_when_sent()

    def drop(self) -> None:
        """Discard everything, and close the descriptor."""
        self.closing = True
        self.backlog.clear()
        self.unsent.clear()
        self.socket.close()
        self.reader = None  # a reference cycle: without it, the buffers are freed now


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
