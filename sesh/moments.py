"""Moments as RFC 3339, and moments and spans of time in words."""

from __future__ import annotations

import time as clock
from datetime import datetime, timezone

_DAY, _HOUR, _MINUTE = 86400, 3600, 60
_UNITS = (_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")
_SINCE_BOOT = getattr(clock, "CLOCK_BOOTTIME", clock.CLOCK_MONOTONIC)
"""A clock that nobody sets, and that goes on while the machine sleeps (macOS: its monotonic one does)."""


def uptime() -> float:
    """Seconds since this machine started, those that it slept included."""
    return clock.clock_gettime(_SINCE_BOOT)


class SteadyClock:
    """The wall clock as it would be had nobody set it since `origin`, the moment of the machine's start by it.

    Moments by it are as far from each other as they were, and become those of the wall clock when they are told. It is
    for what a session goes on counting. What has happened (an event, a command in the history) keeps the wall clock's
    moment of then, as in any log.
    """

    def __init__(self) -> None:
        self.origin = clock.time() - uptime()
        self.step = 0.0
        """Seconds by which the wall clock has been set since. Changes of less than one do not count."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.origin + clock.clock_gettime(_SINCE_BOOT)

    def told(self, moment: float) -> float:
        """A moment by this clock as the wall clock, as it is set now, has it; the same each time until it is set."""
        step = clock.time() - self.now()
        if abs(step - self.step) > 1:
            self.step = step
        return moment + self.step


STEADY = SteadyClock()
"""That of this process. A zygote hands its own down, a reload too."""


def stamp(moment: float | None = None) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the second; now without an argument."""
    return clock.strftime("%Y-%m-%dT%H:%M:%SZ", clock.gmtime(moment))


def time_of_day(moment: float) -> str:
    """Seconds since the epoch as the time of day here, to the second."""
    return clock.strftime("%H:%M:%S", clock.localtime(moment))


def exact_stamp(moment: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC, to the millisecond, as events have it."""
    whole, part = divmod(int(moment * 1000), 1000)
    return f"{stamp(whole)[:-1]}.{part:03d}Z"


def seconds(moment: object) -> float | None:
    """Seconds since the epoch of `2026-01-31T12:00:00Z`, a fraction may follow; None for what is no date and time."""
    text = str(moment)
    if "T" not in text:
        return None
    try:
        then = datetime.fromisoformat(text.replace("Z", "+00:00"))  # it reads no `Z` before Python 3.11
    except ValueError:
        return None
    return (then if then.tzinfo else then.replace(tzinfo=timezone.utc)).timestamp()


def local(moment: float) -> str:
    """Seconds since the epoch as date and time here."""
    return clock.strftime("%Y-%m-%d %H:%M:%S", clock.localtime(moment))


def here(value: object, *, dated: bool = False) -> str:
    """An RFC 3339 moment as the time here, with the date if it is not today's, or `dated`; other text as it is."""
    moment = seconds(value)
    if moment is None:
        return str(value or "")
    text = local(moment)
    return text if dated or text[:10] != local(clock.time())[:10] else text[11:]


def on_a_clock(moment: float) -> str:
    """Seconds since the epoch as the time of day here, with the date unless it is today's."""
    then = clock.localtime(moment)
    today = then[:3] == clock.localtime()[:3]
    return clock.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", then)


def age(moment: object, now: float) -> str:
    """The time since an RFC 3339 moment: 40s, 3m, 2h, 4d. Empty if the moment is unknown."""
    then = seconds(moment)
    return "" if then is None else short(now - then)


def short(passed: float) -> str:
    """Seconds in their largest whole unit: 40s, 3m, 2h, 4d."""
    count, unit = _largest(passed)
    return f"{count}{unit}"


def span(passed: float) -> str:
    """A length of time, not an age, in its largest whole unit: 40 s, 3 min, 2 h, 4 d."""
    count, unit = _largest(passed)
    return f"{count} {'min' if unit == 'm' else unit}"


def ago(passed: float) -> str:
    """Seconds since something, in words: `just now`, `3m ago`, `2h ago`, `4d ago`."""
    return "just now" if passed < _MINUTE else f"{short(passed)} ago"


def _largest(passed: float) -> tuple[int, str]:
    """The count and the unit: the largest of days, hours, minutes and seconds that has passed whole."""
    for size, unit in _UNITS:
        if passed >= size:
            return int(passed // size), unit
    return max(0, int(passed)), "s"


def exact(passed: float) -> str:
    """Seconds as a person writes them: in the largest unit of which they are a whole number (90m, 7d), else 0.5s."""
    size, unit = next((row for row in _UNITS if not passed % row[0]), (1, "s"))
    return f"{passed / size:.12g}{unit}"
