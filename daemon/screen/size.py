"""The size of a session's screen."""

from __future__ import annotations

from sesh import bounds

Size = tuple[int, int, int, int]
"""Columns, rows, and width and height in pixels (0 where unknown)."""
_LARGEST_SIDE = 1000


def clamp_size(columns: object, rows: object, width: object = 0, height: object = 0) -> Size:
    """A terminal's size within what the model can hold (1 to 1,000 columns and rows); 0 means unknown: 80x24."""
    return (
        bounds.clamped(columns or 80, 1, _LARGEST_SIDE, 80),
        bounds.clamped(rows or 24, 1, _LARGEST_SIDE, 24),
        bounds.clamped(width, 0, 0xFFFF, 0),
        bounds.clamped(height, 0, 0xFFFF, 0),
    )
