"""Checks of numbers that come from outside, over a socket, by a call or on a command line: within bounds, or refused.

JSON as Python reads it has NaN, infinity, integers of any length, and True, which counts as 1.
"""

from __future__ import annotations

from typing import TypeGuard

from sesh.errors import UsageError
from sesh.names import printable
from sesh.protocol import MOST
from sesh.shapes import is_number

Size = tuple[int, int, int, int]
"""Columns, rows, and width and height in pixels (0 if unknown)."""

LONGEST = 1e9
"""Seconds, some thirty years: every time is shorter."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
LARGEST_SIDE = 1000
"""Columns or rows of a screen."""
SCROLLBACK, MOST_SCROLLBACK = 10_000, 1_000_000
"""Lines of a session's scrollback."""


def scrollback_bytes(lines: int) -> int:
    """The bytes that a scrollback of so many lines may have: 8 MiB for `SCROLLBACK`, and never less than 1 MiB."""
    return max(1 << 20, lines * (8 << 20) // SCROLLBACK)


def is_integer(value: object, low: int = 0, high: int = MOST) -> TypeGuard[int]:
    """Returns whether `value` is an integer within these bounds, both included."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def clamped(value: object, low: int, high: int, default: int) -> int:
    """`value` moved within these bounds; `default` if it is no integer."""
    return min(max(value, low), high) if isinstance(value, int) and not isinstance(value, bool) else default


def clamp_size(columns: object, rows: object, width: object = 0, height: object = 0) -> Size:
    """The size of a terminal, clamped to what a screen can have (1 to 1,000 columns and rows); 80x24 if unknown (0)."""
    return (
        clamped(columns or 80, 1, LARGEST_SIDE, 80),
        clamped(rows or 24, 1, LARGEST_SIDE, 24),
        clamped(width, 0, 0xFFFF, 0),
        clamped(height, 0, 0xFFFF, 0),
    )


def parse_size(word: str) -> tuple[int, int]:
    """The columns and rows of `200x50`. Raises UsageError unless a screen can have them."""
    columns, _, rows = word.partition("x")
    if not all(is_decimal(side) and 1 <= int(side) <= LARGEST_SIDE for side in (columns, rows)):
        raise UsageError(f"{printable(word)} is not a size: --size takes COLUMNSxROWS, each from 1 to {LARGEST_SIDE:,}")
    return int(columns), int(rows)


def is_seconds(value: object) -> TypeGuard[float]:
    """Returns whether `value` is a time in seconds: 0 or more, and less than `LONGEST`."""
    return is_number(value) and 0 <= value < LONGEST


def is_decimal(text: str) -> bool:
    """Returns whether a text is an integer, 0 or more, of at most 18 digits."""
    return text.isdecimal() and text.isascii() and len(text) <= 18


def parse_seconds(word: str | None, option: str = "--timeout", *, least: float = 1e-9) -> float | None:
    """The seconds of `90`, `0.5`, `90s`, `5m`, `2h`, `7d` or `1w`, given for an option; None if it is not given.

    Raises UsageError unless they are a time, and `least` or more.
    """
    if word is None:
        return None
    number, unit = (word[:-1], word[-1]) if word[-1:] in _UNITS else (word, "s")
    whole, _, part = number.partition(".")
    if is_decimal(f"{whole}{part}"):
        time = float(number) * _UNITS[unit]
        if is_seconds(time) and time >= least:
            return time
        if time < least:
            raise UsageError(f"{option} takes a time above 0")
    raise UsageError(f"{printable(word)} is not a time: {option} takes seconds, or a time like 90s, 5m, 2h, 7d")


def integer(value: object, name: str) -> int:
    """`value` itself. Raises UsageError, which names it `name`, if it is no integer within bounds."""
    if not is_integer(value):
        raise UsageError(f"{name} must be an integer, 0 or more")
    return value


def seconds(value: object, name: str) -> float:
    """`value` as seconds. Raises UsageError, which names it `name`, if it is no time."""
    if not is_seconds(value):
        raise UsageError(f"{name} must be a number of seconds")
    return float(value)
