"""Waits for descriptors, as poll(2) does. For a few of them it is faster than epoll, and needs none of its own."""

from __future__ import annotations

import select
import time
from collections.abc import Mapping
from math import inf

READ, WRITE = select.POLLIN, select.POLLOUT

_MAX_WAIT = 86400.0  # seconds of one wait at most; the kernel's limit is 24 days
_RETRY = 0.1  # seconds before a failed poll is repeated


class Poll:
    """The descriptors to wait for, and what each is to be ready for."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._watched: dict[int, int] = {}

    def watch(self, descriptor: int, events: int) -> None:
        """Wait for `descriptor` to be ready for `events` (READ, WRITE); 0 ends that. End it before it is closed."""
        if not events:
            self.forget(descriptor)
        elif self._watched.get(descriptor) != events:
            self._poll.register(descriptor, events)
            self._watched[descriptor] = events

    def forget(self, descriptor: int) -> None:
        """Wait for a descriptor no longer."""
        if descriptor in self._watched:
            self._poll.unregister(descriptor)
            del self._watched[descriptor]

    def watch_only(self, wanted: Mapping[int, int]) -> None:
        """Wait for these descriptors, each to be ready for its events, and for no other."""
        if wanted != self._watched:
            for descriptor in self._watched.keys() - wanted.keys():
                self.forget(descriptor)
            for descriptor, events in wanted.items():
                self.watch(descriptor, events)

    def wait(self, until: float) -> dict[int, int]:
        """Wait until a descriptor is ready, or for a time (monotonic; inf: for ever); return what each is ready for.

        After an error or a hangup it is ready for all that it is watched for.
        """
        try:
            # poll(2) rounds up to milliseconds.
            found = self._poll.poll(None if until == inf else min(_MAX_WAIT, max(0.0, until - time.monotonic())) * 1000)
        except OSError:  # the kernel has no memory for it
            time.sleep(_RETRY)
            return {}
        ready = {}
        for descriptor, events in found:
            watched = self._watched[descriptor]
            ready[descriptor] = events & watched or watched
        return ready
