"""Sizes, lengths of time and moments: their bounds, how they are typed, and how they are shown."""

from __future__ import annotations

import time as clock
from datetime import datetime, timezone

from sesh.errors import UsageError
from sesh.names import is_decimal, printable

Size = tuple[int, int, int, int]
"""Columns, rows, and width and height in pixels (0 if unknown)."""
LARGEST_SIDE = 1000
SCROLLBACK, MOST_SCROLLBACK = 10_000, 1_000_000
"""Lines of a session's scrollback."""
_LONGEST = 1e9
_SUFFIXES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def scrollback_bytes(lines: int) -> int:
    """Return the bytes that a scrollback of so many lines may have: 8 MiB for `SCROLLBACK`, at least 1 MiB."""
    return max(1 << 20, lines * (8 << 20) // SCROLLBACK)


def clamped(value: int | None, low: int, high: int, default: int) -> int:
    return default if value is None else min(max(value, low), high)


def clamp_size(columns: int | None, rows: int | None, width: int | None = 0, height: int | None = 0) -> Size:
    """Return the size of a terminal within a screen's bounds (1 to 1,000 columns and rows); 80x24 if unknown (0)."""
    return (
        clamped(columns or 80, 1, LARGEST_SIDE, 80),
        clamped(rows or 24, 1, LARGEST_SIDE, 24),
        clamped(width, 0, 0xFFFF, 0),
        clamped(height, 0, 0xFFFF, 0),
    )


def parse_size(word: str) -> tuple[int, int]:
    """Return the columns and rows of `200x50`. Raises UsageError unless a screen can have them."""
    columns, _, rows = word.partition("x")
    if not all(is_decimal(side) and 1 <= int(side) <= LARGEST_SIDE for side in (columns, rows)):
        raise UsageError(f"{printable(word)} is not a size: --size takes COLUMNSxROWS, each from 1 to {LARGEST_SIDE:,}")
    return int(columns), int(rows)


def parse_seconds(word: str | None, option: str = "--timeout", *, least: float = 1e-9) -> float | None:
    """Return the seconds of `90`, `0.5`, `90s`, `5m`, `2h`, `7d` or `1w`, given for an option; None without a word.

    Raises UsageError unless they are a time, and `least` or more.
    """
    if word is None:
        return None
    number, unit = (word[:-1], word[-1]) if word[-1:] in _SUFFIXES else (word, "s")
    whole, _, part = number.partition(".")
    if is_decimal(f"{whole}{part}"):
        time = float(number) * _SUFFIXES[unit]
        if least <= time < _LONGEST:
            return time
        if time < least:
            raise UsageError(f"{option} takes a time above 0")
    raise UsageError(f"{printable(word)} is not a time: {option} takes seconds, or a time like 90s, 5m, 2h, 7d")


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
