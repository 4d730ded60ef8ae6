"""Clients of a daemon in this process: a connection on a socket pair, with the test as peer, and the daemon's turns."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from sesh.daemon.clients.client import Client
from sesh.daemon.clients.connection import PeerConnection
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.schema import check
from sesh.wire import protocol
from sesh.wire.messages import Hello

PATIENCE = 30.0  # seconds for what a test waits for


class Link:
    """`connection` is the daemon's end, of this server if one is given; `take` reads what arrives at the other end."""

    def __init__(self, server: Server | None = None, *, buffer: int = 0) -> None:
        ours, theirs = socket.socketpair()
        if buffer:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        ours.setblocking(False)
        self.other = ours
        self.socket = theirs
        self.connection = PeerConnection(theirs, {}) if server is None else server.admit(theirs)
        self.decoder = protocol.Decoder()

    def take(self, limit: int = 1 << 24) -> list[tuple[int, bytes]]:
        """Return the frames that have come, without waiting; at most `limit` bytes are read."""
        frames: list[tuple[int, bytes]] = []
        while limit > 0:
            try:
                data = self.other.recv(min(limit, 1 << 16))
            except BlockingIOError:
                break
            if not data:
                break
            limit -= len(data)
            frames += self.decoder.feed(data)
        return frames

    def output(self) -> list[tuple[int, bytes]]:
        """The OUTPUT that has come, as (position, bytes)."""
        return [protocol.split_number(payload) for kind, payload in self.take() if kind == protocol.OUTPUT]

    def attached(self, number: int = 1, **hello: Any) -> Client:
        """Attach a client to the connection, as its reader; return the client."""
        words = check.checked_here(Hello, {"columns": 80, "rows": 24, **hello})
        client = Client(self.connection, number, words)
        self.connection.reader = client
        return client

    def close(self) -> None:
        self.other.close()
        self.socket.close()


def prints(session: Session, output: bytes) -> None:
    """Have a session read this output, as if its program had printed it."""
    with patch.object(session.pump, "read", return_value=output):
        session.read_output()


class Daemon(Server):
    """A server whose turn does not wait: a test calls it, as `run` does, and looks between two of them."""

    def _next_due(self) -> float:
        return 0.0

    @property
    def has_work(self) -> bool:
        """True if the next turn would not wait."""
        return super()._next_due() <= time.monotonic()

    def until(self, true: Callable[[], object]) -> None:
        """Take turns until something is true."""
        until = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < until, "it does not come"
            self.turn()
