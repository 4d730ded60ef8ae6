"""Named timers. An idle session has none, and so never wakes up."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from operator import itemgetter

FOREVER = 1e9  # seconds of the longest timer: some thirty years
_DEADLINE = itemgetter(0)


class Timers:
    """Callbacks with deadlines, by name; setting a name again replaces its timer."""

    def __init__(self) -> None:
        self._deadlines: dict[Hashable, tuple[float, Callable[[], object]]] = {}

    def set(self, name: Hashable, seconds: float, call: Callable[[], object]) -> None:
        """Call `call` after `seconds`, at most `FOREVER` (also for NaN)."""
        self._deadlines[name] = (time.monotonic() + min(FOREVER, seconds), call)

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
        """Return the seconds until the next deadline, at least 0; None without timers."""
        if not self._deadlines:
            return None
        due, _ = min(self._deadlines.values(), key=_DEADLINE)
        return max(0.0, due - time.monotonic())

    def run(self) -> None:
        """Call the callbacks that are due, each once."""
        now = time.monotonic()
        for name, entry in list(self._deadlines.items()):
            due, call = entry
            if due <= now and self._deadlines.get(name) is entry:  # another callback may have moved or cleared it
                del self._deadlines[name]
                call()
