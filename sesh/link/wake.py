"""Signs that a link may be dead: the machine has slept, or its addresses or routes have changed.

Linux: a netlink socket (rtnetlink(7)), and CLOCK_BOOTTIME, which counts sleep, beside CLOCK_MONOTONIC, which does not.
macOS: a routing socket (route(4)); there waking shows as a change of routes. Nothing wakes up by itself.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Container

from sesh import machine

_ADDRESSES_AND_ROUTES = 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_IPV4_IFADDR, _ROUTE, the same of IPv6
_AF_ROUTE = 17
_SLEPT = 0.5
"""Seconds of sleep that count."""


class Wake:
    """Notices signs. `descriptors` become readable; those that the system does not have are left out."""

    def __init__(self) -> None:
        self._changes = _routing_socket()
        self._slept = slept()
        self.descriptors = [self._changes.fileno()] if self._changes is not None else []

    def happened(self, ready: Container[int]) -> bool:
        """Take in what is readable; return whether links may be dead. Call it at each turn: sleep shows here only."""
        before, self._slept = self._slept, slept()
        sign = self._slept - before > _SLEPT
        if self._changes is not None and self._changes.fileno() in ready:
            sign = True
            try:
                while self._changes.recv(1 << 16):
                    continue
            except OSError:
                pass  # EAGAIN; ENOBUFS: so many changes that some were lost
        return sign

    def close(self) -> None:
        """Close the descriptors."""
        if self._changes is not None:
            self._changes.close()
        self._changes, self.descriptors = None, []


def slept() -> float:
    """Return the seconds that the machine has slept since its start, as far as the system counts them."""
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
