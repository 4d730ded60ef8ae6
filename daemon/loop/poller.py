"""Waiting for descriptors: the kernel's own way, without the package `selectors` where epoll does the work."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ, WRITE = 1, 4
_MOST = 64
"""Descriptors told of at once; the others come next."""


class Poller:
    """Descriptors and what each is waited for (`READ`, `WRITE`); one that has hung up is ready for all of it."""

    def __init__(self) -> None:
        self._wanted: dict[int, int] = {}
        self._kernel: Any = self._opened()

    def _opened(self) -> Any:
        return select.epoll()

    def _events(self, events: int) -> int:
        """The events as the kernel's way counts them; epoll's READ and WRITE are ours."""
        return events

    def want(self, wanted: dict[int, int]) -> None:
        """Waits for these descriptors from now on, and for no others. The caller does not change the dict later."""
        before, self._wanted = self._wanted, wanted
        for descriptor in before.keys() - wanted.keys():
            self._drop(descriptor)
        for descriptor, events in wanted.items():
            if descriptor not in before:
                self._kernel.register(descriptor, self._events(events))
            elif before[descriptor] != events:
                self._kernel.modify(descriptor, self._events(events))

    def forget(self, descriptor: int) -> None:
        """Waits for a descriptor no longer, before it is closed. One that was not waited for is no error."""
        if descriptor in self._wanted:
            self._wanted = {each: events for each, events in self._wanted.items() if each != descriptor}
            self._drop(descriptor)

    def _drop(self, descriptor: int) -> None:
        try:
            self._kernel.unregister(descriptor)
        except OSError:
            pass  # it is closed already, and the kernel has forgotten it

    def ready(self, seconds: float | None) -> list[tuple[int, int]]:
        """What is ready now, or within so many seconds; None waits for ever."""
        # Rounded up to whole milliseconds: a deadline that is almost there would be asked for again and again.
        found = self._kernel.poll(-1 if seconds is None else -(-seconds * 1000 // 1) / 1000, _MOST)
        for at, (descriptor, events) in enumerate(found):
            if events & ~(READ | WRITE):  # an error or a hangup makes both reading and writing return at once
                found[at] = (descriptor, self._wanted.get(descriptor, 0))
        return found  # type: ignore[no-any-return]


class SelectorPoller(Poller):
    """The same by `selectors`, where there is no epoll."""

    def _opened(self) -> Any:
        import selectors

        return selectors.DefaultSelector()

    def _events(self, events: int) -> int:
        return (1 if events & READ else 0) | (2 if events & WRITE else 0)

    def _drop(self, descriptor: int) -> None:
        self._kernel.unregister(descriptor)

    def ready(self, seconds: float | None) -> list[tuple[int, int]]:
        found = self._kernel.select(seconds)
        return [(key.fd, (READ if events & 1 else 0) | (WRITE if events & 2 else 0)) for key, events in found]


def poller() -> Poller:
    """The best poller of this system."""
    return Poller() if hasattr(select, "epoll") else SelectorPoller()
