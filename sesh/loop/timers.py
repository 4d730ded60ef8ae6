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
        """Call `call` in `seconds`; infinite ones, and NaN, count as `FOREVER`."""
        self._deadlines[name] = (time.monotonic() + min(FOREVER, seconds), call)

    def ensure(self, name: Hashable, seconds: float, call: Callable[[], object]) -> None:
        """Set a deadline unless one of this name is set."""
        if name not in self._deadlines:
            self.set(name, seconds, call)

    def is_set(self, name: Hashable) -> bool:
        return name in self._deadlines

    def remaining(self, name: Hashable) -> float | None:
        """Return the seconds until a deadline, None if it is not set."""
        return max(0.0, self._deadlines[name][0] - time.monotonic()) if name in self._deadlines else None

    def clear(self, name: Hashable) -> None:
        """Remove a deadline, if it is set."""
        self._deadlines.pop(name, None)

    def wait_time(self) -> float | None:
        """Return the seconds until the next deadline, 0 if one has passed, None if none is set."""
        if not self._deadlines:
            return None
        return max(0.0, min(due for due, _ in self._deadlines.values()) - time.monotonic())

    def run(self) -> None:
        """Call the callbacks that are due, each once."""
        now = time.monotonic()
        for name, entry in list(self._deadlines.items()):
            due, call = entry
            if due <= now and self._deadlines.get(name) is entry:  # another callback may have moved or cleared it
                del self._deadlines[name]
                call()
