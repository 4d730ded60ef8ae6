"""The bytes that bring a terminal to an empty screen, whatever it shows, and destroy nothing."""

from __future__ import annotations

CANCEL = b"\x18\x1b\\"
"""Ends any unfinished sequence: CAN, and ST for a string."""

_MARGINS = b"\x1b[?6l\x1b[?69l\x1b[r"
_DRAWING = b"\x1b[4l\x1b[20l\x1b[?7h\x1b[m\x1b]8;;\x1b\\\x1b(B\x1b)B\x0f"
NEUTRAL = _MARGINS + _DRAWING
"""Reset margins and origin mode, which moves the cursor; and what else would change how content is drawn: insert, new
line mode, wrap, pen, link, charsets."""


def fresh_row(columns: int) -> bytes:
    """Return the bytes that go to the first column of an empty row: the cursor's own if it is in the first column, else
    the next one.

    As many blanks as there are columns wrap only if they begin elsewhere. What was shown ends at the cursor, as below a
    shell's command line; the rest of the screen becomes blank.
    """
    return CANCEL + b"\x1b7" + _MARGINS + b"\x1b8" + _DRAWING + b" " * columns + b"\r\x1b[J"


def clean_screen(columns: int, rows: int) -> bytes:
    """Scroll what the terminal shows into its own scrollback; the cursor is at home then, and saved there (DECSC).

    Line feeds from the cursor's row do it: as many rows scroll off as lie above it, and no blank ones.
    """
    return fresh_row(columns) + b"\n" * (rows - 1) + b"\x1b[?6l\x1b[H\x1b7"
