"""The event loop of a process: descriptors, timers, and calls at a turn's end.

The order within a turn is fixed: what `soon` was called for comes last, once each. So the output of a turn goes to each
client in one write, after everything that the turn has read. asyncio has no such end of a turn.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from sesh.loop.timers import Timers

READ, WRITE = select.POLLIN, select.POLLOUT

_LONGEST = 86400.0  # seconds of one poll at most; the kernel's limit is 24 days, and it rounds up to milliseconds
_RETRY = 0.1  # seconds before a failed call, or a failed poll, is repeated


class Loop:
    """Waits for descriptors and timers, and calls their callbacks. `fault` logs a callback's exception.

    For a few descriptors, poll(2) is faster than epoll, and needs no descriptor of its own.
    """

    def __init__(self, fault: Callable[[str, Exception], object]) -> None:
        self.timers = Timers()
        self._fault = fault
        self._poll = select.poll()
        self._watched: dict[int, tuple[int, Callable[[int, int], object]]] = {}
        self._soon: dict[Callable[[], object], None] = {}

    def watch(self, descriptor: int, events: int, call: Callable[[int, int], object]) -> None:
        """Call `call` when `descriptor` is ready for `events` (READ, WRITE); 0 ends the watch.

        `call` gets the descriptor, and the events that it is ready for; after an error or a hangup these are all of
        `events`. End the watch before the descriptor is closed.
        """
        if not events:
            self.forget(descriptor)
        elif self._watched.get(descriptor) != (events, call):
            self._poll.register(descriptor, events)
            self._watched[descriptor] = events, call

    def forget(self, descriptor: int) -> None:
        if descriptor in self._watched:
            self._poll.unregister(descriptor)
            del self._watched[descriptor]

    def soon(self, call: Callable[[], object]) -> None:
        """Call `call` once at the end of this turn, or else of the next."""
        self._soon[call] = None

    def turn(self) -> None:
        """Wait for the next event or deadline, and call the callbacks that are due."""
        seconds = 0.0 if self._soon else self.timers.wait_time()
        try:
            ready = self._poll.poll(None if seconds is None else min(_LONGEST, seconds) * 1000)
        except OSError:  # the kernel has no memory for it
            time.sleep(_RETRY)
            ready = []
        for descriptor, events in ready:
            watched = self._watched.get(descriptor)
            if watched is not None:  # else an earlier callback of this turn has ended the watch
                interest, call = watched
                try:  # after a hangup or an error nothing of interest is ready
                    call(descriptor, events & interest or interest)
                except Exception as error:
                    self._fault("a fault in an event", error)
        try:
            self.timers.run()
        except Exception as error:
            self._fault("a fault in a timer", error)
        due = self._soon
        self._soon = {}
        for later in due:
            try:
                later()
            except Exception as error:
                self._fault("a fault in a turn", error)
                self.timers.ensure(later, _RETRY)
