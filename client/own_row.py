"""A line of sesh's own over the last row of a terminal. It loads no emulator."""

from __future__ import annotations

from sesh.vt.render.clean_screen import NEUTRAL

_LAST_ROW = 9999
CLEAR = b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0m\x1b[2K\x1b8" % _LAST_ROW
"""Bytes that blank the last row; the saved cursor is lost."""


def overlay(text: str, columns: int) -> bytes:
    """Return the bytes that lay a line over the last row, in reverse video; the screen has to be drawn again later.

    The saved cursor (DECSC) is lost, and so are margins and what else changes how the line is drawn.
    """
    shown = fitted(text, columns).encode("utf-8", "replace")
    # ECH, as EL would make a row that goes on with the one above a line of its own
    row = b"\x1b[%d;1H\x1b[0;7m\x1b[%dX%s\x1b[0m" % (_LAST_ROW, columns, shown)
    return b"\x1b[?2026l\x1b7%s%s\x1b8" % (NEUTRAL, row)


def fitted(text: str, columns: int) -> str:
    """Return as much of the text as surely fits into so many columns; each non-ASCII character counts as wide."""
    shown = " "
    room = columns - 2
    for character in text:
        if not character.isprintable():
            continue
        room -= 1 if character.isascii() else 2
        if room < 0:
            break
        shown += character
    return shown + " "
