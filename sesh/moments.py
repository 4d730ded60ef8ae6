"""Moments as RFC 3339, and moments and spans of time in words."""

from __future__ import annotations

import time as clock
from datetime import datetime, timezone

_MINUTE = 60
_UNITS = (86400, "d"), (3600, "h"), (_MINUTE, "m")
_SINCE_BOOT = getattr(clock, "CLOCK_BOOTTIME", clock.CLOCK_MONOTONIC)
"""A clock that nobody sets, and that goes on while the machine sleeps (on macOS the monotonic clock does)."""


def uptime() -> float:
    """Return the seconds since this machine started, its sleep included."""
    return clock.clock_gettime(_SINCE_BOOT)


class SteadyClock:
    """The wall clock as it would be had nobody set it since `origin`, the moment of the machine's start.

    It measures what a session goes on counting; `told` converts such a moment to the wall clock. Events and the history
    keep the wall clock's moment of then, as in any log. `step`: seconds by which the wall clock has been set since.
    """

    def __init__(self) -> None:
        self.origin = clock.time() - uptime()
        self.step = 0.0

    def now(self) -> float:
        return self.origin + clock.clock_gettime(_SINCE_BOOT)

    def told(self, moment: float) -> float:
        """Return a moment of this clock by the wall clock; the same each time until that is set by a second or more."""
        step = clock.time() - self.now()
        if abs(step - self.step) > 1:
            self.step = step
        return moment + self.step


STEADY = SteadyClock()
"""The clock of this process. A zygote hands its own down, a reload too."""


def stamp(moment: float | None = None) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, to the second; now without an argument."""
    return clock.strftime("%Y-%m-%dT%H:%M:%SZ", clock.gmtime(moment))


def exact_stamp(moment: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, to the millisecond, as events have it."""
    whole, part = divmod(int(moment * 1000), 1000)
    return f"{stamp(whole)[:-1]}.{part:03d}Z"


def seconds(moment: object) -> float | None:
    """Return the seconds since the epoch of `2026-01-31T12:00:00Z`; None for what is no date and time."""
    text = str(moment)
    if "T" not in text:
        return None
    try:
        then = datetime.fromisoformat(text.replace("Z", "+00:00"))  # it reads no `Z` before Python 3.11
    except ValueError:
        return None
    return (then if then.tzinfo else then.replace(tzinfo=timezone.utc)).timestamp()


def time_of_day(moment: float, *, dated: bool = False) -> str:
    """Return seconds since the epoch as the time here, with the date if it is not today's, or `dated`."""
    text = clock.strftime("%Y-%m-%d %H:%M:%S", clock.localtime(moment))
    return text if dated or text[:10] != clock.strftime("%Y-%m-%d") else text[11:]


def here(value: object, *, dated: bool = False) -> str:
    """Return an RFC 3339 moment as `time_of_day` does, and any other text as it is."""
    moment = seconds(value)
    return str(value or "") if moment is None else time_of_day(moment, dated=dated)


def age(moment: object, now: float) -> str:
    """Return the time since an RFC 3339 moment: 40s, 3m, 2h, 4d. Empty if the moment is unknown."""
    then = seconds(moment)
    return "" if then is None else short(now - then)


def ago(passed: float) -> str:
    """Return seconds since something, in words: `just now`, `3m ago`, `2h ago`, `4d ago`."""
    return "just now" if passed < _MINUTE else f"{short(passed)} ago"


def short(passed: float) -> str:
    """Return seconds in their largest whole unit: 40s, 3m, 2h, 4d."""
    return "".join(_largest(passed))


def span(passed: float) -> str:
    """Return a length of time, not an age, in its largest whole unit: 40 s, 3 min, 2 h, 4 d."""
    count, unit = _largest(passed)
    return f"{count} {'min' if unit == 'm' else unit}"


def _largest(passed: float) -> tuple[str, str]:
    size, unit = next((row for row in _UNITS if passed >= row[0]), (1, "s"))
    return str(max(0, int(passed // size))), unit


def exact(passed: float) -> str:
    """Return seconds as a person writes them: in the largest unit of which they are a whole number (90m), else 0.5s."""
    size, unit = next((row for row in _UNITS if not passed % row[0]), (1, "s"))
    return f"{passed / size:.12g}{unit}"


on_a_clock = time_of_day
