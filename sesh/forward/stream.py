"""Connections to loopback ports of this machine, each carried over a link as one exchange."""

from __future__ import annotations

import os
import socket
from enum import Enum, auto
from errno import EAGAIN, EINPROGRESS

from sesh.loop.poll import READ, WRITE, Poll
from sesh.wire.messages import Told, Why, refusal
from sesh.wire.pieces import Flow

LAST_PORT = 0xFFFF
LOOPBACK = "127.0.0.1", "::1"  # the addresses of localhost, in the order in which they are tried
_READ_SIZE = 64 << 10


class Carried(Enum):
    """How far a connection is."""

    CONNECTING = auto()
    OPEN = auto()
    OVER = auto()  # both sides have sent their last byte
    FAILED = auto()  # nobody took it, or it broke


class PortStream:
    """A connection to a port, at the first of `hosts` that takes it."""

    def __init__(self, port: int, hosts: list[str], flow: Flow, poll: Poll) -> None:
        self._poll = poll
        self._flow = flow
        self._port = port
        self._hosts = hosts
        self._socket: socket.socket | None = None
        self._has_ended = self._shut = False  # the port's program, and this side, has sent its last byte
        self.state = Carried.CONNECTING
        self._connect()

    @property
    def descriptor(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    @property
    def told(self) -> Told:
        """How the exchange ends, once the connection is over or has failed."""
        return {"ok": True, "why": ""} if self.state is Carried.OVER else refusal(Why.GONE)

    def _connect(self) -> None:
        """Begin to connect to the next address; without one the stream has failed."""
        while self._hosts and self._socket is None:
            host = self._hosts.pop(0)
            try:
                opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
            except OSError:  # no descriptor is left, or the system has no IPv6
                continue
            opened.setblocking(False)
            if opened.connect_ex((host, self._port)) in (0, EINPROGRESS, EAGAIN):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket = opened
            else:
                opened.close()
        if self._socket is None:
            self.state = Carried.FAILED

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._poll.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def move(self, events: int) -> None:
        """Move bytes both ways, as far as the socket is ready and the link has room."""
        try:
            if self.state is Carried.CONNECTING and events:
                self._finish_connecting()
            if self.state is Carried.OPEN:
                self._write()
                if events & READ:
                    self._read()
        except OSError:  # what the program has sent before is carried all the same
            was_open = self.state is Carried.OPEN
            self._has_ended = self._shut = was_open
            self._flow.finish()
            if not was_open:
                self.state = Carried.FAILED
        if self.state is Carried.OPEN and self._has_ended and self._shut:
            self.state = Carried.OVER
        self._watch()

    def _finish_connecting(self) -> None:
        assert self._socket is not None  # noqa: S101 (it is polled)
        if error := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.close()
            self._connect()
            if self._socket is None:
                raise OSError(error, os.strerror(error))
        else:
            self.state = Carried.OPEN

    def _write(self) -> None:
        flow, opened = self._flow, self._socket
        assert opened is not None  # noqa: S101 (the stream is open)
        while flow.incoming:
            try:
                count = opened.send(flow.incoming)
            except BlockingIOError:
                return
            flow.drop(count)
        if flow.ended and not self._shut:
            self._shut = True
            opened.shutdown(socket.SHUT_WR)

    def _read(self) -> None:
        assert self._socket is not None  # noqa: S101 (the stream is open)
        room = min(self._flow.room, _READ_SIZE)
        if not room or self._has_ended:
            return
        try:
            data = self._socket.recv(room)
        except BlockingIOError:
            return
        if data:
            self._flow.give(data)
        else:
            self._has_ended = True
            self._flow.finish()

    def _watch(self) -> None:
        """Have the socket watched for what it is to be ready for next."""
        if self._socket is None:
            return
        wanted = READ if self._flow.room and not self._has_ended else 0
        if self.state is Carried.CONNECTING or self._flow.incoming:
            wanted |= WRITE
        if self.state in (Carried.OVER, Carried.FAILED):
            wanted = 0
        self._poll.watch(self._socket.fileno(), wanted)
