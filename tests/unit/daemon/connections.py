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
from sesh.schema import check, codec
from sesh.wire import protocol
from sesh.wire.connection import request_frames
from sesh.wire.messages import Hello
from sesh.wire.pieces import Flow

PATIENCE = 30.0  # seconds for what a test waits for

Frames = list[tuple[int, bytes]]
Attach = Callable[..., "Peer"]
ALL = {"open": True, "listen": True, "read": True, "write": True, "pictures": ["image/png"]}
"""What a desktop can do that can do all."""


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


class Peer:
    """The other end of a connection to the daemon. `flows`: what it sends and gets of each exchange."""

    def __init__(self, server: Daemon) -> None:
        self.server = server
        self.link = Link(server)
        self.frames: Frames = []
        self.flows: dict[int, Flow] = {}

    def send(self, *frames: bytes) -> None:
        self.link.other.sendall(b"".join(frames))

    def take(self) -> Frames:
        """Take what has come, and acknowledge output, as a client does; return all frames since the beginning."""
        for kind, payload in self.link.take():
            self.frames.append((kind, payload))
            if kind == protocol.PIECE:
                number, data = protocol.split_number(payload)
                self.flow(number).receive(data)
        if (client := self.client) is not None:
            self.send(protocol.numbered(protocol.GOT, client.window._sent, b""))
        return self.frames

    def ended(self, number: int) -> bool:
        """Return whether the last piece of an exchange has come; acknowledge the others."""
        self.take()
        self.send(protocol.taken(0, sum(len(flow.incoming) for flow in self.flows.values())))
        return number in self.flows and self.flow(number).ended

    @property
    def client(self) -> Any:
        return next((each for each in self.server.session.clients.all if each.connection is self.link.connection), None)

    def flow(self, number: int) -> Flow:
        if number not in self.flows:
            self.flows[number] = Flow(number)
        return self.flows[number]

    def messages(self, kind: int) -> list[dict[str, Any]]:
        self.take()
        return [codec.parse(payload) for each, payload in self.frames if each == kind]

    def await_message(self, kind: int, count: int = 1) -> dict[str, Any]:
        """Take turns until a message has come for the `count`th time; return it."""
        self.server.until(lambda: len(self.messages(kind)) >= count)
        return self.messages(kind)[count - 1]

    def tells(self, number: int, **told: Any) -> None:
        self.send(protocol.message(protocol.TOLD, {"number": number, "ok": True, "why": "", **told}))

    def gives(self, number: int, data: bytes) -> None:
        self.send(protocol.numbered(protocol.PIECE, number, data))

    def asks(self, **keys: Any) -> None:
        self.send(protocol.message(protocol.ASK, keys))

    def wishes(self, wish: str, data: bytes = b"", number: int = 1, **keys: Any) -> None:
        self.send(request_frames("desk", number, data, wish=wish, program="vim", **keys))

    @property
    def data(self) -> bytes:
        return b"".join(payload for kind, payload in self.frames if kind == protocol.DATA)


def desktop_events(server: Daemon) -> list[Any]:
    return [event for event in server.session.events.after(0) if event["event"] == "desktop"]
