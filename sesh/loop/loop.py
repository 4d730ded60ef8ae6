"""The loop of a process: descriptors by poll(2), deadlines, and calls for the end of a turn."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from sesh.loop.timers import Timers

READ, WRITE = select.POLLIN, select.POLLOUT

_LONGEST = 86400.0
"""Seconds that one call waits at most; poll takes no more than 24 days."""
_AGAIN = 0.1
"""Seconds until a call that failed is made again, and until the next poll if the kernel has no memory for one."""


class Loop:
    """Waits for descriptors and timers, and calls their callbacks. `fault` notes the error of one, which ends no other.

    For the few descriptors of a session poll(2) is faster than epoll, and needs no descriptor of its own.
    """

    def __init__(self, fault: Callable[[str, Exception], object]) -> None:
        self.timers = Timers()
        self._fault = fault
        self._poll = select.poll()
        self._watched: dict[int, tuple[int, Callable[[int], object]]] = {}
        self._soon: dict[Callable[[], object], None] = {}

    def watch(self, descriptor: int, events: int, call: Callable[[int], object]) -> None:
        """Call `call` with the events (READ, WRITE) that a descriptor is ready for; stop that if `events` is 0.

        After an error or a hangup it is ready for all of its events. End the watch before the descriptor is closed.
        """
        if not events:
            self.forget(descriptor)
            return
        self._poll.register(descriptor, events)
        self._watched[descriptor] = events, call

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor, if it is watched."""
        if descriptor in self._watched:
            self._poll.unregister(descriptor)
            del self._watched[descriptor]

    def soon(self, call: Callable[[], object]) -> None:
        """Call `call` at the end of this turn, once, however often that is asked; of the next if this one ends."""
        self._soon[call] = None

    def turn(self) -> None:
        """Wait for the next event or deadline, and make all calls that are due."""
        for descriptor, events in self.wait(0.0 if self._soon else self.timers.wait_time()):
            watched = self._watched.get(descriptor)
            if watched is not None:  # else an earlier call of this turn has ended its watch
                interest, call = watched
                try:
                    call(events & interest or interest)
                except Exception as error:
                    self._fault("a fault in an event", error)
        try:
            self.timers.run()
        except Exception as error:
            self._fault("a fault in a timer", error)
        due, self._soon = self._soon, {}
        for later in due:
            try:
                later()
            except Exception as error:
                self._fault("a fault in a turn", error)
                self.timers.ensure(later, _AGAIN, later)

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        """Return the descriptors ready now or within `seconds` (at most a day; None: no limit), with their events."""
        if seconds is not None:  # poll rounds up to milliseconds, so that a deadline that is near makes no loop spin
            seconds = seconds * 1000 if seconds < _LONGEST else _LONGEST * 1000
        try:
            return self._poll.poll(seconds)
        except OSError:
            time.sleep(_AGAIN)
            return []
