"""A line of sesh's own over the last row of a terminal. It loads no emulator."""

from __future__ import annotations

from sesh.vt.render.clean_screen import NEUTRAL

_LAST_ROW = 9999
REVERSE, DIM = b"7", b"2"
_ASCII = b"\x1b(B\x0f"
CLEAR = b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0m\x1b[2K\x1b8" % _LAST_ROW
"""Bytes that blank the last row; the saved cursor is lost."""


def overlay(text: str, columns: int, *, modes: bool = False) -> bytes:
    """The bytes that lay a line over the last row, in reverse video; the screen has to be drawn again later.

    The saved cursor (DECSC) is lost, and so are margins and what else changes how the line is drawn. `modes`: these
    stay, because output may come before the screen is drawn.
    """
    reset = b"\x1b[?6l" + _ASCII if modes else NEUTRAL
    return b"\x1b[?2026l\x1b7%s%s\x1b8" % (reset, own_row(text, columns))


def own_row(text: str, columns: int, style: bytes = REVERSE) -> bytes:
    """The bytes that go to the last row and replace it by a line; the pen is the default one then.

    `style`: SGR parameters.
    """
    shown = fitted(text, columns).encode("utf-8", "replace")
    # ECH, as EL would make a row that goes on with the one above a line of its own
    return b"\x1b[%d;1H\x1b[0;%sm\x1b[%dX%s\x1b[0m" % (_LAST_ROW, style, columns, shown)


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
