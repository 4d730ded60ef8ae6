"""Deadlines by name. An idle session has none, and so never wakes up."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

FOREVER = 1e9
"""Seconds beyond which no deadline is set: some thirty years."""


class Timers:
    """Callbacks by name; setting a name again moves its deadline."""

    def __init__(self) -> None:
        self._deadlines: dict[Hashable, tuple[float, Callable[[], object]]] = {}

    def set(self, name: Hashable, seconds: float, call: Callable[[], object]) -> None:
        """Calls `call` in `seconds`; infinite ones, and NaN, count as `FOREVER`."""
        self._deadlines[name] = (time.monotonic() + min(FOREVER, seconds), call)

    def ensure(self, name: Hashable, seconds: float, call: Callable[[], object]) -> None:
        """Calls `call` as `set` does, but leaves a deadline of this name alone if there is one."""
        if name not in self._deadlines:
            self.set(name, seconds, call)

    def is_set(self, name: Hashable) -> bool:
        """Returns whether a deadline of this name is set."""
        return name in self._deadlines

    def remaining(self, name: Hashable) -> float | None:
        """Seconds until a deadline, None if none of this name is set."""
        return max(0.0, self._deadlines[name][0] - time.monotonic()) if name in self._deadlines else None

    def clear(self, name: Hashable) -> None:
        """Forgets a deadline; one that is not set is ignored."""
        self._deadlines.pop(name, None)

    def wait_time(self) -> float | None:
        """Seconds until the next deadline, 0 if one has passed, None if none is set."""
        if not self._deadlines:
            return None
        return max(0.0, min(due for due, _ in self._deadlines.values()) - time.monotonic())

    def run(self) -> None:
        """Calls the callbacks that are due, each once."""
        now = time.monotonic()
        for name, entry in list(self._deadlines.items()):
            due, call = entry
            if due <= now and self._deadlines.get(name) is entry:  # another callback may have moved or cleared it
                del self._deadlines[name]
                call()
