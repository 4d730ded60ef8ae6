"""Waiting for descriptors of an attachment."""

from __future__ import annotations

import select


class Poller:
    """Polls descriptors for the events that are of interest now, changing the kernel's set only where that changed.

    A descriptor without interest is not registered: one that hung up would always be ready.
    """

    def __init__(self) -> None:
        poll = select.poll()
        self.poll = poll.poll
        """Block for so many milliseconds (None: without end); pairs of a descriptor and its events."""
        self._register, self._unregister = poll.register, poll.unregister
        self._watched: dict[int, int] = {}

    def watch(self, *interests: tuple[int, int, bool]) -> None:
        """Watch from now on (descriptor, events) where the third item is true; one descriptor may come twice."""
        wanted: dict[int, int] = {}
        for descriptor, events, active in interests:
            if active:
                wanted[descriptor] = wanted.get(descriptor, 0) | events
        for descriptor in self._watched.keys() - wanted.keys():
            self._unregister(descriptor)
        for descriptor, events in wanted.items():
            if self._watched.get(descriptor) != events:
                self._register(descriptor, events)
        self._watched = wanted
