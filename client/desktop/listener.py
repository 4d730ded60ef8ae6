"""Listeners on this machine's loopback, for a login that comes home: each connection is carried over the link.

What a connection carries must begin as an HTTP request for this port (for an https address as a TLS hello), or a
program of this machine that takes the listener for its own server might send a password to a host. A browser may open
connections that it does not use, so a connection is carried from its first request on.

A connection:
```
                                  ┌──the link breaks before an answer──┐
                                  ▼                                    │
IDLE ──the head of a request──▶ READY ──a link──▶ CARRIED ─────────────┴─both ends──▶ CLOSED
  └── anything else, time ────────┴──────────────────────────────────────────────────▲
```
"""

from __future__ import annotations

import errno
import os
import re
import select
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import Enum, auto
from math import inf
from typing import Optional

from sesh.client.desktop.exchanges import Exchange, State
from sesh.desktop import addresses
from sesh.system import platforms
from sesh.wire.messages import Why

LOGIN_TIME = 600.0  # seconds of a listener for a login; of one for an address's own host, after its last connection
HEAD_TIME = 10.0  # seconds from a connection's first byte until the head of its request
LINK_TIME = 120.0  # seconds that a request waits for a link; browsers wait for an answer longer than that
MAX_HEAD = 32 << 10  # bytes
MAX_CONNECTIONS = 64  # a further one ends the oldest that is idle
_BLOCK = 64 << 10
_REQUEST = re.compile(rb"[A-Z]{1,16} [\x21-\x7e]+ HTTP/1\.[01]\r?\n")
_BEGUN_REQUEST = re.compile(rb"[A-Z]{1,16}(?: [\x21-\x7e]*(?: [HTP/1.0\r]{0,9})?)?")
_HOST = re.compile(rb"\nhost:([^\r\n]*)(?=\r?\n)", re.IGNORECASE)
_HEAD_END = re.compile(rb"\n\r?\n")
_REPEATED = (b"GET ", b"HEAD ", b"\x16")  # requests that change nothing if they come twice, and the hello of TLS
_TLS_HELLO = re.compile(rb"\x16\x03[\x00-\x04]..\x01", re.DOTALL)
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


class Opening(Enum):
    """What the first bytes of a connection are."""

    UNKNOWN = auto()  # more must come
    WANTED = auto()
    OTHER = auto()


def opening(data: bytes, port: int, *, tls: bool) -> Opening:
    """Judge the first bytes of a connection to a port."""
    if tls:
        if len(data) < 6:
            return Opening.UNKNOWN if b"\x16\x03".startswith(data[:2]) else Opening.OTHER
        return Opening.WANTED if _TLS_HELLO.match(data) else Opening.OTHER
    if len(data) >= MAX_HEAD:
        return Opening.OTHER
    if not _REQUEST.match(data):
        return Opening.UNKNOWN if b"\n" not in data and _BEGUN_REQUEST.fullmatch(data) else Opening.OTHER
    head = _HEAD_END.search(data)
    hosts = _HOST.findall(data[: head.end()] if head is not None else data)
    if head is None:
        return Opening.UNKNOWN if all(_is_own(host, port) for host in hosts) else Opening.OTHER
    return Opening.WANTED if len(hosts) == 1 and _is_own(hosts[0], port) else Opening.OTHER


def _is_own(host: bytes, port: int) -> bool:
    """Return whether the value of a Host header is this machine's loopback on a port."""
    value = host.strip(b" \t").decode("latin-1")
    name, colon, digits = value.rpartition(":")
    if not colon or digits.endswith("]"):
        name, digits = value, "80"
    return digits == str(port) and addresses.is_loopback(name)


class ConnectionState(Enum):
    """How far a connection is: see the drawing above."""

    IDLE = auto()
    READY = auto()
    CARRIED = auto()
    CLOSED = auto()


class Connection:
    """One connection to a listener."""

    def __init__(self, taken: socket.socket, port: int, now: float, *, tls: bool) -> None:
        self.socket, self.port, self.tls = taken, port, tls
        self.state = ConnectionState.IDLE
        self.exchange: Optional[Exchange] = None
        self.until = inf  # time (monotonic) until which the state must have changed
        self._head = bytearray()  # what was read before it was carried; kept while it may be sent again
        self._outgoing = bytearray()  # for the browser
        self._read_ended = self._write_ended = False
        taken.setblocking(False)

    @property
    def events(self) -> int:
        """What to wait for."""
        if self.state is ConnectionState.IDLE:
            return select.POLLIN
        if self.state is not ConnectionState.CARRIED or self.exchange is None:
            return 0
        reads = select.POLLIN if not self._read_ended and self.exchange.room else 0
        return reads | (select.POLLOUT if self._outgoing else 0)

    def move(self, now: float, begin: Callable[[int], Exchange]) -> None:
        """Move bytes as far as they can be moved. `begin`: begins a stream to a port."""
        if self.state is ConnectionState.IDLE:
            self._read_head(now)
        if self.state is ConnectionState.READY:
            self._begin(begin)
        if self.state is ConnectionState.CARRIED:
            self._carry(now)
        if self.until <= now:
            self.close()

    def _read_head(self, now: float) -> None:
        data = self._receive()
        if data is None:
            return
        if not self._head:
            self.until = now + HEAD_TIME
        self._head += data
        judged = opening(bytes(self._head), self.port, tls=self.tls) if data else Opening.OTHER
        if judged is Opening.OTHER:
            self.close()
        elif judged is Opening.WANTED:
            self.state = ConnectionState.READY
            self.until = now + LINK_TIME

    def _begin(self, begin: Callable[[int], Exchange]) -> None:
        exchange = begin(self.port)
        if not exchange.over:  # else there is no link just now
            exchange.give(bytes(self._head))
            if not self._head.startswith(_REPEATED):
                self._head.clear()
            self.exchange = exchange
            self.state = ConnectionState.CARRIED
            self.until = inf

    def _carry(self, now: float) -> None:
        exchange = self.exchange
        assert exchange is not None  # noqa: S101 (it is carried)
        while not self._read_ended and exchange.room:
            data = self._receive(min(exchange.room, _BLOCK))
            if data is None:
                break
            if data:
                exchange.give(data)
                self._head.clear()
            else:
                self._read_ended = True
                exchange.finish()
        while True:
            if not self._outgoing and (data := exchange.take(_BLOCK)):
                self._outgoing += data
                self._head.clear()
            if not self._outgoing or not self._send():
                break
        if self._outgoing or self.state is ConnectionState.CLOSED:
            return
        if exchange.state is State.GONE and self._head and not self._read_ended:
            self.state = ConnectionState.READY
            self.exchange = None
            self.until = now + LINK_TIME
        elif exchange.over:
            self.close()
        elif exchange.ended and not self._write_ended:
            self._write_ended = True
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def _receive(self, size: int = _BLOCK) -> bytes | None:
        """Return what has come; empty at the end, None if nothing has."""
        try:
            return self.socket.recv(size)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _send(self) -> bool:
        """Send some bytes to the browser; return whether it may take more."""
        try:
            del self._outgoing[: self.socket.send(self._outgoing)]
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Close the connection, and end its stream."""
        if self.state is not ConnectionState.CLOSED:
            self.state = ConnectionState.CLOSED
            self.until = inf
            self.socket.close()
            if self.exchange is not None:
                self.exchange.refuse(Why.GONE)


class Listener:
    """Listens on one port of 127.0.0.1 and ::1. Raises OSError if the port is taken on either.

    `own`: for an address's own host, and not for a login.
    """

    def __init__(self, port: int, now: float, *, tls: bool, own: bool) -> None:
        self.port, self.tls, self.own = port, tls, own
        self.until = now + LOGIN_TIME
        self.watch: Optional[Exchange] = None  # tells when the far port closes
        self.sockets = _listening(port)
        self.connections: list[Connection] = []

    @property
    def open(self) -> bool:
        """True while connections are taken or carried."""
        return bool(self.sockets or self.connections)

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        own = self.until if self.sockets else inf
        return min([own, *(each.until for each in self.connections)])

    def again(self, now: float) -> None:
        """Note that another address names the port."""
        self.until = now + LOGIN_TIME

    def watched(self) -> dict[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        found = {each.fileno(): int(select.POLLIN) for each in self.sockets}
        return found | {each.socket.fileno(): events for each in self.connections if (events := each.events)}

    def act(self, ready: Collection[int], now: float, begin: Callable[[int], Exchange]) -> None:
        """Take connections, and move their bytes."""
        for each in list(self.sockets):
            if each.fileno() in ready:
                self._take(each, now)
        for connection in self.connections:
            if connection.socket.fileno() in ready or connection.until <= now or not connection.events:
                connection.move(now, begin)
        self._drop_closed()
        if self.own and self.connections:
            self.until = now + LOGIN_TIME
        if self.until <= now:
            self.stop()

    def moved(self, exchange: Exchange, now: float, begin: Callable[[int], Exchange]) -> bool:
        """Handle news of an exchange; return whether it is of this listener."""
        if exchange is self.watch:
            if exchange.state is State.TOLD:
                self.stop()  # connections that are open go on
            return True
        found = [each for each in self.connections if each.exchange is exchange]
        for each in found:
            each.move(now, begin)
        self._drop_closed()
        return found != []

    def _take(self, listening: socket.socket, now: float) -> None:
        with suppress(OSError):  # it has gone
            taken, _ = listening.accept()
            self.connections.append(Connection(taken, self.port, now, tls=self.tls))
        if len(self.connections) > MAX_CONNECTIONS:
            idle = [each for each in self.connections if each.state is ConnectionState.IDLE]
            (idle or self.connections)[0].close()

    def _drop_closed(self) -> None:
        self.connections = [each for each in self.connections if each.state is not ConnectionState.CLOSED]

    def stop(self) -> None:
        """Take no more connections; what is carried goes on."""
        for each in self.sockets:
            each.close()
        self.sockets = []
        for connection in self.connections:
            if connection.state is not ConnectionState.CARRIED:
                connection.close()
        self._drop_closed()

    def close(self) -> None:
        """Close everything."""
        self.stop()
        for connection in self.connections:
            connection.close()
        self.connections = []


def _listening(port: int) -> list[socket.socket]:
    """Return sockets that listen on a port of 127.0.0.1 and ::1. Raises OSError."""
    found: list[socket.socket] = []
    try:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                found.append(_socket(family, host, port))
            except OSError as error:
                if family != socket.AF_INET6 or error.errno not in _NO_IPV6:
                    raise
    except OSError:
        for each in found:
            each.close()
        raise
    return found


def _socket(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Else the connections of the last login would keep its port for a while.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not platforms.LINUX and _answers(family, host, port):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        made.setblocking(False)
        made.bind((host, port))
        made.listen(16)
    except OSError:
        made.close()
        raise
    return made


def _answers(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Return whether a program takes connections there, on all addresses too: macOS would give its port away."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.1)
        return probe.connect_ex((host, port)) in (0, errno.EAGAIN)
