"""Waiting for descriptors by poll(2): for the few of a session it is faster than epoll, and needs no descriptor."""

from __future__ import annotations

import select
import time

READ, WRITE = select.POLLIN, select.POLLOUT

_LONGEST = 86400.0
"""Seconds that one call waits at most; poll takes no more than 24 days."""
_AGAIN = 0.1
"""Seconds until the next call if the kernel has no memory for one."""


class Poller:
    """Descriptors and the events that each is watched for; one that has hung up is ready for all of its events."""

    def __init__(self) -> None:
        self._watched: dict[int, int] = {}
        self._kernel = select.poll()

    def watch(self, watched: dict[int, int]) -> None:
        """Watches these descriptors from now on, and no others. The caller must not change the dict later.

        A descriptor is its number: one may be closed, and the number be another's, before the next call.
        """
        before, self._watched = self._watched, watched
        for descriptor in before.keys() - watched.keys():
            self._kernel.unregister(descriptor)
        for descriptor, events in watched.items():
            if before.get(descriptor) != events:
                self._kernel.register(descriptor, events)

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        """Returns the descriptors ready now or within `seconds` (at most a day; None: no limit), with their events."""
        if seconds is not None:  # poll rounds up to milliseconds, so that a deadline that is near makes no loop spin
            seconds = seconds * 1000 if seconds < _LONGEST else _LONGEST * 1000
        try:
            ready = self._kernel.poll(seconds)
        except OSError:
            time.sleep(_AGAIN)
            return []
        for index, (descriptor, events) in enumerate(ready):
            if events & ~(READ | WRITE):  # after an error or a hangup, both reading and writing return at once
                ready[index] = (descriptor, self._watched.get(descriptor, 0))
        return ready
