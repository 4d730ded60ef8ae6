"""The clock of this machine that nobody can set, which counts the time of a sleep, too."""

from __future__ import annotations

import time

SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that cannot be set and counts suspend time, as the monotonic clock does on macOS."""


def uptime() -> float:
    """Return the seconds since this machine started, suspend time included."""
    return time.clock_gettime(SINCE_BOOT)


class SteadyClock:
    """The `uptime` of this machine, which nobody sets, and its moments by the wall clock.

    It measures durations of a session. Events and the history record the wall clock itself, like any log.
    """

    now = staticmethod(uptime)

    def __init__(self) -> None:
        self._start = time.time() - uptime()  # of the machine

    def wall_time(self, moment: float) -> float:
        """Return a moment as wall clock time; shifts below a second are ignored."""
        start = time.time() - uptime()
        if abs(start - self._start) > 1:
            self._start = start
        return self._start + moment


STEADY = SteadyClock()
"""The clock of this process, inherited from the zygote."""
