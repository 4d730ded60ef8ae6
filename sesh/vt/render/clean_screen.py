"""Bytes that empty a terminal's screen in any state; its content goes to its scrollback."""

from __future__ import annotations

CANCEL = b"\x18\x1b\\"  # ends any unfinished sequence: CAN, and ST for a string

_MARGINS = b"\x1b[?6l\x1b[?69l\x1b[r"
_PRINTING = b"\x1b[4l\x1b[20l\x1b[?7h\x1b[m\x1b]8;;\x1b\\\x1b(B\x1b)B\x0f"
NEUTRAL = _MARGINS + _PRINTING
"""Resets the settings that affect printing: margins, origin, insert and new line mode, wrap, pen, link, charsets. The
cursor moves when margins and origin mode are reset."""


def fresh_row(columns: int) -> bytes:
    """Return the bytes that move the cursor to an empty row.

    Printing a row's width of blanks wraps, unless the cursor is in the first column. So the empty row is the cursor's
    own row if the cursor is in the first column, else the next row. The rest of the screen is erased, as below a
    shell's command line.
    """
    return CANCEL + b"\x1b7" + _MARGINS + b"\x1b8" + _PRINTING + b" " * columns + b"\r\x1b[J"


def clean_screen(columns: int, rows: int) -> bytes:
    """Return the bytes that scroll the content off, and home and save (DECSC) the cursor."""
    # Line feeds from the cursor's row scroll off exactly the rows above it, so no blank rows scroll off.
    return fresh_row(columns) + b"\n" * (rows - 1) + b"\x1b[?6l\x1b[H\x1b7"
