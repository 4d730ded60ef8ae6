"""Sizes and lengths of time: their bounds, and how they are written on a command line."""

from __future__ import annotations

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
