"""Durations and points in time: parsing and formatting."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from sesh.errors import UsageError
from sesh.names import is_decimal, printable

_MAX_SECONDS = 1e9  # seconds, 31 years
_SUFFIXES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_seconds(word: str, *, least: float = 1e-9) -> float:
    """Return the seconds of `90`, `0.5`, `90s`, `5m`, `2h`, `7d` or `1w`.

    Raises UsageError for any other word and below `least`.
    """
    number, unit = (word[:-1], word[-1]) if word[-1:] in _SUFFIXES else (word, "s")
    whole, _, part = number.partition(".")
    if (digits := f"{whole}{part}").isdecimal() and digits.isascii():
        length = float(number) * _SUFFIXES[unit]
        if length < least:
            raise UsageError(f"{printable(word)} is not a time above 0")
        if length >= _MAX_SECONDS:
            raise UsageError(f"{printable(word)} is too long; the longest time is {int(_MAX_SECONDS // 86400)}d")
        return length
    raise UsageError(f"{printable(word)} is not a time; write seconds, or a time like 90s, 5m, 2h, 7d")


def parse_moment(word: str) -> float:
    """Return the seconds since 1970 of `HH:MM` or `HH:MM:SS`, today or else yesterday, or of a length of time ago.

    Raises UsageError for any other word.
    """
    parts = word.split(":")
    if len(parts) == 1:
        return time.time() - parse_seconds(word)
    now = datetime.fromtimestamp(time.time())
    if len(parts) <= 3 and all(is_decimal(part) and len(part) <= 2 for part in parts):
        try:
            moment = now.replace(hour=int(parts[0]), minute=int(parts[1]), second=int([*parts, "0"][2]), microsecond=0)
        except ValueError:
            pass
        else:
            return (moment if moment <= now else moment - timedelta(days=1)).timestamp()
    raise UsageError(f"{printable(word)} is not a time of day; write it as 9:30, 21:05 or 21:05:30")


_MINUTE = 60
_UNITS = (86400, "d"), (3600, "h"), (_MINUTE, "m")


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
