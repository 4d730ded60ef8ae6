"""Detect what may have broken a link: sleep, or changed addresses or routes.

CLOCK_BOOTTIME counts sleep, CLOCK_MONOTONIC does not. macOS lacks CLOCK_BOOTTIME, but there waking changes routes.
"""

from __future__ import annotations

import time
from collections.abc import Container

from sesh import machine

_SLEPT = 0.5  # seconds; a shorter sleep is ignored


class Wake:
    """Detects sleep and network changes. `descriptors`, if any, become readable on a change."""

    def __init__(self) -> None:
        self._changes = machine.network_changes()
        self._slept = slept()
        self.descriptors = [self._changes.fileno()] if self._changes is not None else []

    def take_nudge(self, ready: Container[int]) -> bool:
        """Return whether the machine slept or the network changed; call after each poll."""
        before = self._slept
        self._slept = slept()
        is_nudge = self._slept - before > _SLEPT
        if self._changes is not None and self._changes.fileno() in ready:
            is_nudge = True
            try:
                while self._changes.recv(1 << 16):
                    continue
            except OSError:
                pass  # EAGAIN, or ENOBUFS after too many changes
        return is_nudge

    def close(self) -> None:
        if self._changes is not None:
            self._changes.close()
        self._changes, self.descriptors = None, []


def slept() -> float:
    """Return the machine's seconds of sleep since boot; 0 if they are not counted."""
    return time.clock_gettime(machine.SINCE_BOOT) - time.clock_gettime(time.CLOCK_MONOTONIC)
