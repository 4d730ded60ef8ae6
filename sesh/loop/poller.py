"""Waiting for descriptors: epoll where there is one, without the package `selectors`, which takes long to load."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ, WRITE = 1, 4
_MAX_EVENTS = 64
"""Descriptors reported by one call; the others come with the next."""

_LONGEST = 86400.0
"""Seconds that one call waits at most; epoll takes no more than 24 days."""


class Poller:
    """Descriptors and what each is waited for (`READ`, `WRITE`); one that has hung up is ready for all of it."""

    def __init__(self) -> None:
        self._watched: dict[int, int] = {}
        self._kernel: Any = self._open()

    def _open(self) -> Any:
        return select.epoll()

    def _events(self, events: int) -> int:
        """The events as the kernel counts them; epoll's READ and WRITE are ours."""
        return events

    def watch(self, watched: dict[int, int]) -> None:
        """Waits for these descriptors from now on, and for no others. The caller must not change the dict later.

        Raises OSError where the kernel has no memory for all of them; those that are left come with the next call.
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
                self._watched = {each: self._watched[each] for each in self._watched if each != descriptor}
                if descriptor in before:
                    self._watched[descriptor] = before[descriptor]
        if failed is not None:
            raise failed

    def forget(self, descriptor: int) -> None:
        """Stops waiting for a descriptor, before it is closed. One that is not waited for is ignored."""
        if descriptor in self._watched:
            self._watched = {each: events for each, events in self._watched.items() if each != descriptor}
            self._unregister(descriptor)

    def _unregister(self, descriptor: int) -> None:
        try:
            self._kernel.unregister(descriptor)
        except OSError:
            pass  # it is closed already, and the kernel has forgotten it

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        """The descriptors that are ready now or within `seconds`, a day at most, with their events; None: forever."""
        if seconds is not None and not seconds < _LONGEST:
            seconds = _LONGEST
        # Rounded up to whole milliseconds: rounded down, a deadline that is near would make the loop spin.
        ready = self._kernel.poll(-1 if seconds is None else -(-seconds * 1000 // 1) / 1000, _MAX_EVENTS)
        for at, (descriptor, events) in enumerate(ready):
            if events & ~(READ | WRITE):  # after an error or a hangup, both reading and writing return at once
                ready[at] = (descriptor, self._watched.get(descriptor, 0))
        return ready  # type: ignore[no-any-return]


class SelectorPoller(Poller):
    """The same by `selectors`, where there is no epoll."""

    def _open(self) -> Any:
        import selectors

        return selectors.DefaultSelector()

    def _events(self, events: int) -> int:
        return (1 if events & READ else 0) | (2 if events & WRITE else 0)

    def _unregister(self, descriptor: int) -> None:
        self._kernel.unregister(descriptor)

    def wait(self, seconds: float | None) -> list[tuple[int, int]]:
        ready = self._kernel.select(seconds if seconds is None or seconds < _LONGEST else _LONGEST)
        return [(key.fd, (READ if events & 1 else 0) | (WRITE if events & 2 else 0)) for key, events in ready]


def new_poller() -> Poller:
    """The best poller of this system."""
    return Poller() if hasattr(select, "epoll") else SelectorPoller()
