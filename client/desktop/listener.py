"""Listeners for a login that comes home: each connection is carried over the link.

What a connection carries must begin as an HTTP request for this port (for an https address as a TLS hello), or a
program of this machine that takes the listener for its own server might send a password to a host. A browser may open
connections that it does not use, so a connection is carried from its first request on.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from math import inf
from typing import Optional

from sesh.desktop import addresses
from sesh.forward.listener import Begin, Carrying, Listener, Opening

LOGIN_TIME = 600.0  # seconds of a listener for a login; of one for an address's own host, after its last connection
MAX_HEAD = 32 << 10  # bytes
_REQUEST = re.compile(rb"[A-Z]{1,16} [\x21-\x7e]+ HTTP/1\.[01]\r?\n")
_BEGUN_REQUEST = re.compile(rb"[A-Z]{1,16}(?: [\x21-\x7e]*(?: [HTP/1.0\r]{0,9})?)?")
_HOST = re.compile(rb"\nhost:([^\r\n]*)(?=\r?\n)", re.IGNORECASE)
_HEAD_END = re.compile(rb"\n\r?\n")
_REPEATABLE = (b"GET ", b"HEAD ", b"\x16")  # requests that change nothing if they come twice, and the hello of TLS
_TLS_HELLO = re.compile(rb"\x16\x03[\x00-\x04]..\x01", re.DOTALL)


def opening(data: bytes, port: int, *, tls: bool) -> Opening:
    """Judge the first bytes of a connection to a port; 0 stands for any."""
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
    return (not port or digits == str(port)) and addresses.is_loopback(name)


def _judged(data: bytes, port: int, *, tls: bool) -> Opening:
    judged = opening(data, port, tls=tls)
    return Opening.REPEATABLE if judged is Opening.WANTED and data.startswith(_REPEATABLE) else judged


class PageListener(Listener):
    """Listens for what a browser brings, http or https.

    `any_port`: its address may name another port. `has_refused`: something else came, such as a password.
    """

    judges = True
    any_port = has_refused = False

    def judge(self, data: bytes) -> Opening:
        judged = _judged(data, 0 if self.any_port else self.port, tls=data.startswith(b"\x16"))
        self.has_refused = self.has_refused or (judged is Opening.OTHER and data != b"")
        return judged


class LoginListener(Listener):
    """Listens on one port for a login. Raises OSError if the port is taken.

    `own`: for an address's own host, and not for a login.
    """

    judges = True

    def __init__(self, port: int, now: float, *, tls: bool, own: bool) -> None:
        super().__init__(port)
        self.tls, self.own = tls, own
        self.until = now + LOGIN_TIME
        self.watch: Optional[Carrying] = None  # tells when the far port closes

    def judge(self, data: bytes) -> Opening:
        return _judged(data, self.port, tls=self.tls)

    @property
    def due(self) -> float:
        """The time (monotonic) from which on `act` is to be called."""
        return min(self.until if self.sockets else inf, super().due)

    def again(self, now: float) -> None:
        """Note that another address names the port."""
        self.until = now + LOGIN_TIME

    def act(self, ready: Collection[int], now: float, begin: Begin) -> None:
        """Take connections, and move their bytes; listen no more after a while."""
        super().act(ready, now, begin)
        if self.own and self.connections:
            self.until = now + LOGIN_TIME
        if self.until <= now:
            self.stop()

    def moved(self, exchange: Carrying, now: float, begin: Begin) -> bool:
        """Handle news of an exchange; return whether it is of this listener."""
        if exchange is self.watch:
            if exchange.over and not exchange.lost:
                self.stop()  # connections that are open go on
            return True
        return super().moved(exchange, now, begin)
