"""Timers. An idle session has none, and so never wakes up."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

FOREVER = 1e9  # seconds of the longest timer: some thirty years

Call = tuple[Callable[..., object], tuple[object, ...]]  # a function and its arguments


class Timers:
    """Calls with deadlines; setting the same call again, with the same arguments, replaces its deadline."""

    def __init__(self) -> None:
        self._deadlines: dict[Call, float] = {}
        self.due = inf  # time (monotonic) before which no call is due; after a `clear`, maybe none is due then

    def set(self, call: Callable[..., object], seconds: float, *args: object) -> None:
        """Call `call` after `seconds`, at most `FOREVER` (also for NaN)."""
        due = time.monotonic() + min(FOREVER, seconds)
        self._deadlines[call, args] = due
        self.due = min(self.due, due)

    def ensure(self, call: Callable[..., object], seconds: float, *args: object) -> None:
        """Set a timer, unless this call has one."""
        if (call, args) not in self._deadlines:
            self.set(call, seconds, *args)

    def is_set(self, call: Callable[..., object], *args: object) -> bool:
        return (call, args) in self._deadlines

    def remaining(self, call: Callable[..., object]) -> float | None:
        """Return the seconds until a call's deadline; None without one."""
        due = self._deadlines.get((call, ()))
        return max(0.0, due - time.monotonic()) if due is not None else None

    def clear(self, call: Callable[..., object], *args: object) -> None:
        self._deadlines.pop((call, args), None)

    def run(self) -> None:
        """Make the calls that are due, each once."""
        now = time.monotonic()
        if now < self.due:
            return
        for entry, due in list(self._deadlines.items()):
            if due <= now and self._deadlines.get(entry) == due:  # another call may have moved or cleared it
                del self._deadlines[entry]
                call, args = entry
                call(*args)
        self.due = min(self._deadlines.values(), default=inf)
