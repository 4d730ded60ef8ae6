"""Detect signs that a link may be dead: the machine has slept, or its addresses or routes have changed.

Linux: a netlink socket (rtnetlink(7)); CLOCK_BOOTTIME counts sleep, CLOCK_MONOTONIC does not. macOS: a routing socket
(route(4)); waking changes routes. sesh sets no timer for this.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Container

from sesh import machine

_ADDRESSES_AND_ROUTES = 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_IPV4_IFADDR, _ROUTE, the same for IPv6
_AF_ROUTE = 17
_SLEPT = 0.5  # seconds; a shorter sleep is ignored


class Wake:
    """A detector of signs. `descriptors` become readable on a change; empty if the system has no such socket."""

    def __init__(self) -> None:
        self._changes = _routing_socket()
        self._slept = slept()
        self.descriptors = [self._changes.fileno()] if self._changes is not None else []

    def happened(self, ready: Container[int]) -> bool:
        """Return whether links may be dead. Call this after every poll, as sleep makes no descriptor readable."""
        before = self._slept
        self._slept = slept()
        sign = self._slept - before > _SLEPT
        if self._changes is not None and self._changes.fileno() in ready:
            sign = True
            try:
                while self._changes.recv(1 << 16):
                    continue
            except OSError:
                pass  # EAGAIN, or ENOBUFS after too many changes
        return sign

    def close(self) -> None:
        if self._changes is not None:
            self._changes.close()
        self._changes, self.descriptors = None, []


def slept() -> float:
    """Return the seconds that the machine has slept since boot; 0 if the system does not count them."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _routing_socket() -> socket.socket | None:
    try:
        if machine.LINUX:
            routing = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            routing.bind((0, _ADDRESSES_AND_ROUTES))
        else:
            routing = socket.socket(_AF_ROUTE, socket.SOCK_RAW, 0)
    except (OSError, AttributeError):
        return None
    routing.setblocking(False)
    return routing
