"""Sizes, durations and points in time: bounds, parsing and formatting."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from sesh.errors import UsageError
from sesh.machine import SINCE_BOOT
from sesh.names import is_decimal, printable
from sesh.schema.facts import LARGEST_SIDE, SCROLLBACK

Size = tuple[int, int, int, int]  # columns, rows, and width and height in pixels (0 if unknown)
_LONGEST = 1e9
_SUFFIXES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def scrollback_bytes(lines: int) -> int:
    """Return a scrollback's limit in bytes: 8 MiB for `SCROLLBACK` lines, at least 1 MiB."""
    return max(1 << 20, lines * (8 << 20) // SCROLLBACK)


def clamped(value: int | None, low: int, high: int, default: int) -> int:
    return default if value is None else min(max(value, low), high)


def clamp_size(columns: int | None, rows: int | None, width: int | None = 0, height: int | None = 0) -> Size:
    """Return a terminal's size within 1 to 1,000 columns and rows; 80x24 if unknown (0)."""
    return (
        clamped(columns or 80, 1, LARGEST_SIDE, 80),
        clamped(rows or 24, 1, LARGEST_SIDE, 24),
        clamped(width, 0, 0xFFFF, 0),
        clamped(height, 0, 0xFFFF, 0),
    )


def parse_size(word: str) -> tuple[int, int]:
    """Return columns and rows of a valid size like `200x50`. Raises UsageError."""
    columns, _, rows = word.partition("x")
    if not all(is_decimal(side) and 1 <= int(side) <= LARGEST_SIDE for side in (columns, rows)):
        raise UsageError(f"{printable(word)} is not a size: --size takes COLUMNSxROWS, each from 1 to {LARGEST_SIDE:,}")
    return int(columns), int(rows)


def parse_seconds(word: str, *, least: float = 1e-9) -> float:
    """Return the seconds of `90`, `0.5`, `90s`, `5m`, `2h`, `7d` or `1w`.

    Raises UsageError for any other word and below `least`.
    """
    number, unit = (word[:-1], word[-1]) if word[-1:] in _SUFFIXES else (word, "s")
    whole, _, part = number.partition(".")
    if is_decimal(f"{whole}{part}"):
        length = float(number) * _SUFFIXES[unit]
        if least <= length < _LONGEST:
            return length
        if length < least:
            raise UsageError(f"{printable(word)} is not a time above 0")
    raise UsageError(f"{printable(word)} is not a time; write seconds, or a time like 90s, 5m, 2h, 7d")


_MINUTE = 60
_UNITS = (86400, "d"), (3600, "h"), (_MINUTE, "m")


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


def stamp(moment: float | None = None) -> str:
    """Return seconds since the epoch (default: now) as RFC 3339 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def exact_stamp(moment: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, to the millisecond, for events."""
    whole, part = divmod(int(moment * 1000), 1000)
    return f"{stamp(whole)[:-1]}.{part:03d}Z"


def seconds(moment: object) -> float | None:
    """Return the seconds since the epoch of `2026-01-31T12:00:00Z`; None for any other value."""
    text = str(moment)
    if "T" not in text:
        return None
    try:
        then = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not parse `Z`
    except ValueError:
        return None
    return (then if then.tzinfo else then.replace(tzinfo=timezone.utc)).timestamp()


def time_of_day(moment: float, *, dated: bool = False) -> str:
    """Return epoch seconds as local time; with the date if `dated` or not today."""
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
    return text if dated or text[:10] != time.strftime("%Y-%m-%d") else text[11:]


def local_time(value: object, *, dated: bool = False) -> str:
    """Return an RFC 3339 time as `time_of_day` does, and any other text unchanged."""
    moment = seconds(value)
    return str(value or "") if moment is None else time_of_day(moment, dated=dated)


def age(moment: object, now: float) -> str:
    """Return the time since an RFC 3339 moment: 40s, 3m, 2h, 4d; empty if unknown."""
    then = seconds(moment)
    return "" if then is None else short(now - then)


def ago(passed: float) -> str:
    """Return elapsed seconds in words: `just now`, `3m ago`, `2h ago`, `4d ago`."""
    return "just now" if passed < _MINUTE else f"{short(passed)} ago"


def short(passed: float) -> str:
    """Return seconds in their largest whole unit: 40s, 3m, 2h, 4d."""
    size, unit = next((row for row in _UNITS if passed >= row[0]), (1, "s"))
    return f"{max(0, int(passed // size))}{unit}"


def exact(passed: float) -> str:
    """Return a duration in its largest whole unit (90m), else in seconds (0.5s)."""
    size, unit = next((row for row in _UNITS if not passed % row[0]), (1, "s"))
    return f"{passed / size:.12g}{unit}"
