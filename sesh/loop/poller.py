"""Waiting for descriptors: by epoll if the system has it, else by the package `selectors`, which takes long to load."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ, WRITE = 1, 4
"""Events to watch for, in epoll's numbers."""

_MAX_EVENTS = 64
"""Descriptors reported by one call; the others come with the next."""

_LONGEST = 86400.0
"""Seconds that one call waits at most; epoll takes no more than 24 days."""


class Poller:
    """Descriptors and the events that each is watched for; one that has hung up is ready for all of its events."""

    def __init__(self) -> None:
        self._watched: dict[int, int] = {}
        self._kernel: Any = self._open()

    def _open(self) -> Any:
        return select.epoll()

    def _events(self, events: int) -> int:
        """The events in the numbers of the kernel's interface."""
        return events

    def watch(self, watched: dict[int, int]) -> None:
        """Watches these descriptors from now on, and no others. The caller must not change the dict later.

        Raises OSError if the kernel has no memory for all of them; those that are left come with the next call.
        """
        before, self._watched = self._watched, watched
        for descriptor in before.keys() - watched.keys():
            self._unregister(descriptor)
        failed: OSError | None = None
        for descriptor, events in watched.items():
            try:
                if descriptor not in before:
                    self._kernel.register(descriptor, self._events(events))
                elif before[descriptor] != events:
                    self._kernel.modify(descriptor, self._events(events))
            except OSError as error:
                failed = error
                self._watched = {other: self._watched[other] for other in self._watched if other != descriptor}
                if descriptor in before:
                    self._watched[descriptor] = before[descriptor]
        if failed is not None:
            raise failed

    def forget(self, descriptor: int) -> None:
        """Stops watching a descriptor, before it is closed. One that is not watched is ignored."""
        if descriptor in self._watched:
            self._watched = {other: events for other, events in self._watched.items() if other != descriptor}
            self._unregister(descriptor)

    def _unregister(self, descriptor: int) -> None:
        try:
            self._kernel.unregister(descriptor)
        except OSError:
            pass  # it is closed already, and the kernel has forgotten it

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        """Returns the descriptors ready now or within `seconds` (at most a day; None: no limit), with their events."""
        if seconds is not None and not seconds < _LONGEST:
            seconds = _LONGEST
        # Rounded up to whole milliseconds: rounded down, a deadline that is near would make the loop spin.
        ready = self._kernel.poll(-1 if seconds is None else -(-seconds * 1000 // 1) / 1000, _MAX_EVENTS)
        for index, (descriptor, events) in enumerate(ready):
            if events & ~(READ | WRITE):  # after an error or a hangup, both reading and writing return at once
                ready[index] = (descriptor, self._watched.get(descriptor, 0))
        return ready  # type: ignore[no-any-return]


class SelectorPoller(Poller):
    """A poller by `selectors`, for systems without epoll."""

    def _open(self) -> Any:
        import selectors

        return selectors.DefaultSelector()

    def _events(self, events: int) -> int:
        return (1 if events & READ else 0) | (2 if events & WRITE else 0)

    def _unregister(self, descriptor: int) -> None:
        self._kernel.unregister(descriptor)  # it ignores the error of a closed one itself

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        ready = self._kernel.select(seconds if seconds is None or seconds < _LONGEST else _LONGEST)
        return [(key.fd, (READ if events & 1 else 0) | (WRITE if events & 2 else 0)) for key, events in ready]


def new_poller() -> Poller:
    """The best poller of this system."""
    return Poller() if hasattr(select, "epoll") else SelectorPoller()
