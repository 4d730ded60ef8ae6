"""Sizes of terminals and scrollbacks: bounds and parsing."""

from __future__ import annotations

from sesh.errors import UsageError
from sesh.names import is_decimal, printable
from sesh.schema.facts import MAX_SIDE, SCROLLBACK

Size = tuple[int, int, int, int]  # columns, rows, and width and height in pixels (0 if unknown)


def scrollback_bytes(lines: int) -> int:
    """Return a scrollback's limit in bytes: 8 MiB for `SCROLLBACK` lines, at least 1 MiB."""
    return max(1 << 20, lines * (8 << 20) // SCROLLBACK)


def clamped(value: int | None, low: int, high: int, default: int) -> int:
    return default if value is None else min(max(value, low), high)


def clamp_size(columns: int | None, rows: int | None, width: int | None = 0, height: int | None = 0) -> Size:
    """Return a terminal's size within 1 to 1,000 columns and rows; 80x24 if unknown (0)."""
    return (
        clamped(columns or 80, 1, MAX_SIDE, 80),
        clamped(rows or 24, 1, MAX_SIDE, 24),
        clamped(width, 0, 0xFFFF, 0),
        clamped(height, 0, 0xFFFF, 0),
    )


def parse_size(word: str) -> tuple[int, int]:
    """Return columns and rows of a valid size like `200x50`. Raises UsageError."""
    columns, _, rows = word.partition("x")
    if not all(is_decimal(side) and 1 <= int(side) <= MAX_SIDE for side in (columns, rows)):
        raise UsageError(f"{printable(word)} is not a size: --size takes COLUMNSxROWS, each from 1 to {MAX_SIDE:,}")
    return int(columns), int(rows)
