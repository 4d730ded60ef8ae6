"""A network under the test's control: a proxy that cuts, refuses, delays or goes silent."""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Mapping

_BLOCK = 65536
_AHEAD = 1 << 20  # bytes that one side may be ahead of the other
_RESET = struct.pack("ii", 1, 0)


class _Way:
    """One direction of a connection: bytes, each with the time when it may go on."""

    def __init__(self, source: socket.socket, sink: socket.socket, *, out: bool) -> None:
        self.source, self.sink = source, sink
        self.out = out  # from the near side
        self.held: deque[tuple[float, bytes]] = deque()
        self.size = 0
        self.ended = False  # the source will send no more
        self.closed = False  # the end was passed on to the sink
        self.stranded = False

    def ready(self, now: float) -> bool:
        return bool(self.held) and self.held[0][0] <= now


class Proxy:
    """A TCP proxy from `port` of 127.0.0.1 to `target`, another port there.

    `cut` resets all connections. `refuse` refuses new connections, `swallow` leaves them without an answer. `silence`
    keeps all connections open and accepts new ones, but passes nothing. `strand` silences the present connections only.
    `delay` holds each block back for some seconds. `restore` ends refusal, silence and delay; then what a silence held
    back is passed on, as in a network. `accepted` counts all connections so far, `connections` the open ones, `passed`
    the bytes in both directions. `turns` counts how often the near side sent something after it had received something:
    its round trips, and one more for what it sends at the end. Every method has taken effect when it returns.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.accepted = 0
        self.passed = 0
        self.turns = 0
        self._heard = True
        self._silent = False
        self._seconds = 0.0
        self._ways: list[_Way] = []
        self._over = False
        self._lock = threading.RLock()
        # Bound, never listening: the port stays ours while connections are refused.
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]
        self._listener: socket.socket | None = None
        self._full: list[socket.socket] = []
        self._bell, self._rung = os.pipe()
        os.set_blocking(self._bell, False)
        self._listen()
        self._thread = threading.Thread(target=self._serve, name=f"proxy {self.port}", daemon=True)
        self._thread.start()

    # -- what a test calls

    @property
    def thread(self) -> int:
        """The kernel's id of the thread that passes bytes on."""
        return self._thread.native_id or 0

    @property
    def connections(self) -> int:
        with self._lock:
            return len(self._ways) // 2

    @property
    def busy(self) -> bool:
        """True while the proxy holds bytes."""
        with self._lock:
            return any(way.held for way in self._ways)

    def cut(self) -> None:
        """Reset every connection, on both sides. New ones are accepted as before."""
        with self._lock:
            for way in self._ways:
                _reset(way.source)
            self._ways.clear()
        self._ring()

    def refuse(self) -> None:
        """Refuse new connections from now on. The present ones go on."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None
        self._ring()

    def swallow(self) -> None:
        """Leave new connections without an answer, as if packets were lost."""
        self.refuse()
        with self._lock:
            full, filling = _bound(self.port), socket.socket()
            full.listen(0)
            filling.connect(("127.0.0.1", self.port))
            self._full = [full, filling]

    def silence(self) -> None:
        """Pass nothing any more, not even ends; keep connections, and accept new ones."""
        with self._lock:
            self._silent = True
        self._ring()

    def strand(self) -> None:
        """Pass nothing over the present connections ever again, as after a NAT's timeout."""
        with self._lock:
            for way in self._ways:
                way.stranded = True
        self._ring()

    def delay(self, seconds: float) -> None:
        """Pass each block on `seconds` after it came, in both directions; 0 ends that."""
        with self._lock:
            self._seconds = seconds
        self._ring()

    def restore(self) -> None:
        """End refusal, silence and delay."""
        with self._lock:
            self._empty()
            self._silent = False
            self._seconds = 0.0
            if self._listener is None:
                self._listen()
        self._ring()

    def close(self) -> None:
        with self._lock:
            self._over = True
        self._ring()
        self._thread.join(30)
        self.cut()
        self.refuse()
        self._empty()
        self._holder.close()
        os.close(self._rung)
        os.close(self._bell)

    # -- the thread

    def _listen(self) -> None:
        self._listener = _bound(self.port)
        self._listener.listen(64)

    def _empty(self) -> None:
        for each in self._full:
            each.close()
        self._full = []

    def _ring(self) -> None:
        os.write(self._rung, b"!")

    def _serve(self) -> None:
        while True:
            with self._lock:
                if self._over:
                    return
                selector, wait = self._wanted(time.monotonic())
            with selector:
                events = selector.select(wait)
            with self._lock:
                self._act(events, time.monotonic())

    def _wanted(self, now: float) -> tuple[selectors.BaseSelector, float | None]:
        """Return what to wait for, and how long at most."""
        selector = selectors.DefaultSelector()
        selector.register(self._bell, selectors.EVENT_READ)
        if self._listener is not None:
            selector.register(self._listener, selectors.EVENT_READ)
        wait: float | None = None
        wanted: dict[socket.socket, int] = {}
        for way in () if self._silent else self._ways:
            if way.stranded:
                continue
            if not way.ended and way.size < _AHEAD:
                wanted[way.source] = wanted.get(way.source, 0) | selectors.EVENT_READ
            if way.ready(now):
                wanted[way.sink] = wanted.get(way.sink, 0) | selectors.EVENT_WRITE
            elif way.held:
                rest = way.held[0][0] - now
                wait = rest if wait is None else min(wait, rest)
        for side, events in wanted.items():
            selector.register(side, events)
        return selector, wait

    def _act(self, events: list[tuple[selectors.SelectorKey, int]], now: float) -> None:
        able: dict[object, int] = {key.fileobj: mask for key, mask in events}
        if self._bell in able:
            os.read(self._bell, _BLOCK)
        for way in [] if self._silent else list(self._ways):
            if way not in self._ways or way.stranded:
                continue  # its connection broke a moment ago
            try:
                self._carry(way, able, now)
            except BlockingIOError:
                continue
            except OSError:
                self._drop(way)
        if self._listener is not None and self._listener in able:
            self._accept()

    def _carry(self, way: _Way, able: Mapping[object, int], now: float) -> None:
        """Read what came, and pass on what is due."""
        if able.get(way.source, 0) & selectors.EVENT_READ and not way.ended and way.size < _AHEAD:
            data = way.source.recv(_BLOCK)
            way.ended = not data
            if data and way.out and self._heard:
                self._heard = False
                self.turns += 1
            if data:
                way.held.append((now + self._seconds, data))
                way.size += len(data)
        while way.ready(now):
            due, data = way.held[0]
            sent = way.sink.send(data)
            self.passed += sent
            self._heard = self._heard or not way.out
            way.size -= sent
            way.held.popleft()
            if sent < len(data):
                way.held.appendleft((due, data[sent:]))
                break
        if way.ended and not way.held and not way.closed:
            way.sink.shutdown(socket.SHUT_WR)
            way.closed = True
            if all(other.closed for other in self._ways if way.source in (other.source, other.sink)):
                self._drop(way)

    def _drop(self, way: _Way) -> None:
        """End a connection, by a reset unless both sides have ended it."""
        gone = [other for other in self._ways if way.source in (other.source, other.sink)]
        self._ways = [other for other in self._ways if other not in gone]
        for other in gone:
            if other.closed and way.closed:
                other.source.close()
            else:
                _reset(other.source)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            near, _ = self._listener.accept()
        except OSError:
            return  # the peer has gone already
        self.accepted += 1
        try:
            far = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            _reset(near)
            return
        for side in (near, far):
            side.setblocking(False)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ways += [_Way(near, far, out=True), _Way(far, near, out=False)]


def _bound(port: int) -> socket.socket:
    """Return a socket on a port that other sockets of ours may share."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _reset(side: socket.socket) -> None:
    """Close with RST instead of FIN."""
    try:
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:
        pass  # it is closed already
    side.close()
