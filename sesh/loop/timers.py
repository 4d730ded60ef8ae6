"""Named timers. An idle session has none, and so never wakes up."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from math import inf

FOREVER = 1e9  # seconds of the longest timer: some thirty years


class Timers:
    """Callbacks with deadlines, by name; setting a name again replaces its timer."""

    def __init__(self) -> None:
        self._deadlines: dict[Hashable, tuple[float, Callable[[], object]]] = {}
        self._nearest = inf  # no deadline is before; after a `clear`, maybe none is there

    def set(self, name: Hashable, seconds: float, call: Callable[[], object]) -> None:
        """Call `call` after `seconds`, at most `FOREVER` (also for NaN)."""
        due = time.monotonic() + min(FOREVER, seconds)
        self._deadlines[name] = due, call
        self._nearest = min(self._nearest, due)

    def ensure(self, name: Hashable, seconds: float, call: Callable[[], object]) -> None:
        """Set a timer, unless one of this name is set."""
        if name not in self._deadlines:
            self.set(name, seconds, call)

    def is_set(self, name: Hashable) -> bool:
        return name in self._deadlines

    def remaining(self, name: Hashable) -> float | None:
        """Return the seconds until a timer's deadline; None if it is not set."""
        return max(0.0, self._deadlines[name][0] - time.monotonic()) if name in self._deadlines else None

    def clear(self, name: Hashable) -> None:
        self._deadlines.pop(name, None)

    def wait_time(self) -> float | None:
        """Return the seconds until `run` is due, at least 0; None without timers."""
        return max(0.0, self._nearest - time.monotonic()) if self._nearest < inf else None

    def run(self) -> None:
        """Call the callbacks that are due, each once."""
        now = time.monotonic()
        if now < self._nearest:
            return
        for name, entry in list(self._deadlines.items()):
            due, call = entry
            if due <= now and self._deadlines.get(name) is entry:  # another callback may have moved or cleared it
                del self._deadlines[name]
                call()
        self._nearest = min((due for due, _ in self._deadlines.values()), default=inf)
