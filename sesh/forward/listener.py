"""Listeners on this machine's loopback: each connection is carried to a port of another machine, as one exchange.

A connection:
```
                            ┌──the link breaks before an answer──┐
                            ▼                                    │
IDLE ──its first bytes──▶ READY ──a link──▶ CARRIED ─────────────┴─both ends──▶ CLOSED
  └── unwanted, time ───────┴──────────────────────────────────────────────────▲
```
A connection that nobody judges by its first bytes begins as READY.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import Enum, auto
from math import inf
from typing import Optional, Protocol, TypeVar

from sesh.errors import Refused
from sesh.system import platforms
from sesh.wire.messages import Why

READY_TIME = 10.0  # seconds from a connection's first byte until its head is whole; without a head, to a link
LINK_TIME = 120.0  # seconds that a head waits for a link; browsers wait for an answer longer than that
MAX_CONNECTIONS = 64  # of a listener; a further one ends the oldest that is idle
MAX_CARRIED = 400  # of one that judges none: a further one waits; a process may open a thousand files
_BACKLOG = 128
_BLOCK = 64 << 10
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE = 0.5  # seconds until it is tried again: the connection waits, and poll would report it at once
_LOWEST = 1024  # ports below are root's
_ABOVE = 8000  # is added to such a port
_TRIES = 100  # ports that are tried before the machine counts as full
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


class Carrying(Protocol):
    """The exchange that carries a connection."""

    @property
    def room(self) -> int:
        """The bytes that may be given now."""

    @property
    def over(self) -> bool:
        """True once either side has ended it, or the link has gone."""

    @property
    def lost(self) -> bool:
        """True once the link has gone."""

    @property
    def ended(self) -> bool:
        """True once the other side's last byte has been taken."""

    def give(self, data: bytes) -> None:
        """Send bytes."""

    def finish(self) -> None:
        """Say that no more bytes come from here."""

    @property
    def incoming(self) -> bytearray:
        """The bytes that have come."""

    def drop(self, count: int) -> None:
        """Take as many of them, which were used."""

    def refuse(self, why: Why) -> None:
        """End it."""


AnyListener = TypeVar("AnyListener", bound="Listener")
Begin = Callable[[int], Carrying]  # begins an exchange with a port of the other machine; it is over without a link


class Opening(Enum):
    """What the first bytes of a connection are."""

    UNKNOWN = auto()  # more must come
    WANTED = auto()
    REPEATABLE = auto()  # wanted, and harmless if it is carried twice
    OTHER = auto()


Judge = Callable[[bytes], Opening]


class ConnectionState(Enum):
    """How far a connection is: see the drawing above."""

    IDLE = auto()
    READY = auto()
    CARRIED = auto()
    CLOSED = auto()


class Connection:
    """One connection to a listener. `port`: of the other machine. `judge`: of its first bytes."""

    def __init__(self, taken: socket.socket, port: int, now: float, judge: Judge | None = None) -> None:
        self.socket, self.port = taken, port
        self.state = ConnectionState.IDLE if judge is not None else ConnectionState.READY
        self.exchange: Optional[Carrying] = None
        self.until = inf if judge is not None else now + READY_TIME  # time (monotonic) of the next state at the latest
        self._judge = judge
        self._head = bytearray()  # what was read before it was carried; kept while it may be carried again
        self._is_repeatable = False
        self._read_ended = self._write_ended = False
        taken.setblocking(False)
        with suppress(OSError):  # it has gone
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def events(self) -> int:
        """What to wait for."""
        if self.state is ConnectionState.IDLE:
            return select.POLLIN
        if self.state is not ConnectionState.CARRIED or self.exchange is None:
            return 0
        reads = select.POLLIN if not self._read_ended and self.exchange.room else 0
        return reads | (select.POLLOUT if self.exchange.incoming else 0)

    def move(self, now: float, begin: Begin) -> None:
        """Move bytes as far as they can be moved."""
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
        if data is None or self._judge is None:
            return
        if not self._head:
            self.until = now + READY_TIME
        self._head += data
        judged = self._judge(bytes(self._head)) if data else Opening.OTHER
        if judged is Opening.OTHER:
            self.close()
        elif judged is not Opening.UNKNOWN:
            self._is_repeatable = judged is Opening.REPEATABLE
            self._wait_for_link(now)

    def _wait_for_link(self, now: float) -> None:
        self.state = ConnectionState.READY
        self.until = now + LINK_TIME

    def _begin(self, begin: Begin) -> None:
        exchange = begin(self.port)
        if not exchange.over:  # else there is no link just now
            exchange.give(bytes(self._head))
            self.exchange = exchange
            self.state = ConnectionState.CARRIED
            self.until = inf

    def _carry(self, now: float) -> None:
        exchange = self.exchange
        assert exchange is not None  # noqa: S101 (it is carried)
        if not self._read_ended and exchange.room:
            data = self._receive(min(exchange.room, _BLOCK))
            self._is_repeatable = self._is_repeatable and data is None
            if data:
                exchange.give(data)
            elif data is not None:
                self._read_ended = True
                exchange.finish()
        while exchange.incoming:
            self._is_repeatable = False
            if not self._send(exchange):
                break
        if exchange.incoming or self.state is ConnectionState.CLOSED:
            return
        if exchange.lost and self._is_repeatable:
            self.exchange = None
            self._wait_for_link(now)
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

    def _send(self, exchange: Carrying) -> bool:
        """Send some bytes to the program here; return whether it may take more."""
        try:
            exchange.drop(self.socket.send(exchange.incoming))
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Close the connection, and end its exchange."""
        if self.state is not ConnectionState.CLOSED:
            self.state = ConnectionState.CLOSED
            self.until = inf
            self.socket.close()
            if self.exchange is not None:
                self.exchange.refuse(Why.GONE)


class Listener:
    """Listens on one port of 127.0.0.1 and ::1. Raises OSError if the port is taken on either.

    `port`: here; `far_port`: of the other machine, by default the same. `judges`: connections are looked at before they
    are carried. A connection that no room is left for waits to be taken, or ends one that is idle if these are judged.
    """

    judges = False

    def __init__(self, port: int, far_port: int | None = None) -> None:
        self.sockets = listening(port)
        self.port, self.far_port = port, port if far_port is None else far_port
        self.connections: list[Connection] = []
        self._taken_from = -inf  # the time (monotonic) until which no connection is taken

    @property
    def open(self) -> bool:
        """True while connections are taken or carried."""
        return bool(self.sockets or self.connections)

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        taken_from = self._taken_from if self._taken_from > -inf else inf
        return min([taken_from, *(each.until for each in self.connections)])

    def watched(self) -> dict[int, int]:
        """Return the descriptors to wait for, and what each is to be ready for."""
        takes = self._taken_from == -inf and (self.judges or len(self.connections) < MAX_CARRIED)
        found = {each.fileno(): int(select.POLLIN) for each in self.sockets if takes}
        return found | {each.socket.fileno(): events for each in self.connections if (events := each.events)}

    def act(self, ready: Collection[int], now: float, begin: Begin) -> None:
        """Take connections, and move their bytes."""
        if self._taken_from <= now:
            self._taken_from = -inf
        for each in list(self.sockets):
            if each.fileno() in ready:
                self._take(each, now)
        for connection in self.connections:
            if connection.socket.fileno() in ready or connection.until <= now or not connection.events:
                connection.move(now, begin)
        self._drop_closed()

    def moved(self, exchange: Carrying, now: float, begin: Begin) -> bool:
        """Handle news of an exchange; return whether it is of this listener."""
        found = [each for each in self.connections if each.exchange is exchange]
        for each in found:
            each.move(now, begin)
        self._drop_closed()
        return found != []

    def judge(self, data: bytes) -> Opening:
        """Judge the first bytes of a connection, where these are looked at."""
        raise NotImplementedError

    def _take(self, listening_socket: socket.socket, now: float) -> None:
        try:
            taken, _ = listening_socket.accept()
        except OSError as error:  # it has gone, or this process has no descriptor left for it
            self._taken_from = now + _PAUSE if error.errno in _NO_ROOM else -inf
            return
        self.connections.append(Connection(taken, self.far_port, now, self.judge if self.judges else None))
        if self.judges and len(self.connections) > MAX_CONNECTIONS:
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


def first_free(far_port: int, first: int, kind: type[AnyListener]) -> AnyListener:
    """Listen for a port of another machine, on `first` or the next one that is free. Raises Refused."""
    for port in range(first, min(first + _TRIES, 1 << 16)):
        try:
            return kind(port, far_port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise Refused(f"cannot listen on this machine: {error.strerror}") from error
    raise Refused(f"no port from {first} on is free here", hint="end what listens there")


def unprivileged(port: int) -> int:
    """Return the port on which this user may listen in the place of another one: 8080 for 80."""
    return port if port >= _LOWEST or os.geteuid() == 0 else port + _ABOVE


def listening(port: int) -> list[socket.socket]:
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
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _answers(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Return whether a program takes connections there, on all addresses too: macOS would give its port away."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.1)
        return probe.connect_ex((host, port)) in (0, errno.EAGAIN)
