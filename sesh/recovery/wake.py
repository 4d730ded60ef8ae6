"""Signs that a link may be dead: the machine has slept, or its addresses or routes have changed.

Linux: a timer that the kernel cancels when the clock jumps, as it does on waking (timerfd_create(2), and whether the
machine slept is the growth of CLOCK_BOOTTIME beside CLOCK_MONOTONIC), and a netlink socket (rtnetlink(7)). macOS: a
routing socket (route(4)); there waking shows as a change of routes. Nothing is polled, and nothing wakes up by itself.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Callable, Container

from sesh import platform

_ADDRESSES_AND_ROUTES = 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_IPV4_IFADDR, _ROUTE, the same of IPv6
_AF_ROUTE = 17
_CANCEL_ON_SET = 1 | 2  # TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET
_FAR = 1 << 40
"""Seconds since 1970 at which the timer would expire."""
_SLEPT = 0.5
"""Seconds of sleep that count."""


class Wake:
    """Descriptors that become readable; those that the system does not have are left out."""

    def __init__(self) -> None:
        self._changes = _routing_socket()
        self._timer, self._arm = _clock_timer()
        self._slept = _sleep_so_far()
        self.descriptors = [self._changes.fileno()] if self._changes is not None else []
        if self._timer >= 0:
            self.descriptors.append(self._timer)

    def happened(self, ready: Container[int]) -> bool:
        """Take in the events of the descriptors that are readable; return whether links may be dead."""
        sign = False
        if self._timer in ready:
            try:
                os.read(self._timer, 8)
            except OSError:
                pass  # ECANCELED: the clock has jumped; and from now on it is armed no more
            self._arm()
            sign = self.slept()
        if self._changes is not None and self._changes.fileno() in ready:
            sign = True
            try:
                while self._changes.recv(1 << 16):
                    continue
            except OSError:
                pass  # EAGAIN; ENOBUFS: so many changes that some were lost
        return sign

    def slept(self) -> bool:
        """Return whether the machine has slept since the last call: a clock that was set is no sign of a dead link."""
        before, self._slept = self._slept, _sleep_so_far()
        return self._slept - before > _SLEPT

    def close(self) -> None:
        """Close the descriptors."""
        if self._changes is not None:
            self._changes.close()
        if self._timer >= 0:
            os.close(self._timer)
        self._changes, self._timer, self.descriptors = None, -1, []


def _sleep_so_far() -> float:
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _routing_socket() -> socket.socket | None:
    try:
        if platform.LINUX:
            routing = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            routing.bind((0, _ADDRESSES_AND_ROUTES))
        else:
            routing = socket.socket(_AF_ROUTE, socket.SOCK_RAW, 0)
    except (OSError, AttributeError):
        return None
    routing.setblocking(False)
    return routing


def _clock_timer() -> tuple[int, Callable[[], object]]:
    """Return a timer that is readable when the clock jumps (-1 without one), and the function that arms it again.

    By ctypes, since `os` has timers only from Python 3.13 on.
    """
    try:
        library = ctypes.CDLL(None)
        timer: int = library.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, AttributeError):
        return -1, lambda: None
    expiry = (ctypes.c_long * 4)(0, 0, _FAR, 0)  # struct itimerspec: interval, first expiry

    def arm() -> object:
        return library.timerfd_settime(timer, _CANCEL_ON_SET, expiry, None)

    arm()
    return timer, arm
