"""What the client waits for: its descriptors, and the kernel asked for no other change than there is."""

from __future__ import annotations

import select

IN, OUT = select.POLLIN, select.POLLOUT


class Lookout:
    """Descriptors and what is wished of each; `poll` waits for them.

    Nothing is waited for that nobody would deal with: a descriptor that only hung up would never rest.
    """

    def __init__(self) -> None:
        poll = select.poll()
        self.poll = poll.poll
        """Blocks for so many milliseconds, for ever without: pairs of a descriptor and what it is ready for."""
        self._register, self._unregister = poll.register, poll.unregister
        self._wished: dict[int, int] = {}

    def wish(self, *wishes: tuple[int, int, bool]) -> None:
        """Waits from now on for these descriptors and events where the third says so; one may be named twice."""
        wanted: dict[int, int] = {}
        for descriptor, events, wished in wishes:
            if wished:
                wanted[descriptor] = wanted.get(descriptor, 0) | events
        for descriptor in self._wished.keys() - wanted.keys():
            self._unregister(descriptor)
        for descriptor, events in wanted.items():
            if self._wished.get(descriptor) != events:
                self._register(descriptor, events)
        self._wished = wanted
