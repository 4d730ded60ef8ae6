"""The bytes that bring a terminal to an empty screen, whatever it shows, and destroy nothing.

A session that has printed nothing, or little that is plain, needs no emulator; so this module loads none, nor `re`.
"""

from __future__ import annotations

CANCEL = b"\x18\x1b\\"
"""Ends any unfinished sequence: CAN, and ST for a string."""

_MARGINS = b"\x1b[?6l\x1b[?69l\x1b[r"
_DRAWING = b"\x1b[4l\x1b[20l\x1b[?7h\x1b[m\x1b]8;;\x1b\\\x1b(B\x1b)B\x0f"
NEUTRAL = _MARGINS + _DRAWING
"""Reset margins and origin mode, which moves the cursor; and what else would change how content is drawn: insert, new
line mode, wrap, pen, link, charsets."""

REPLAY_SAFE_LIMIT = 64 << 10
"""Bytes of output up to which `replay_safe` may be asked."""

# Text in UTF-8 without C1, SGR, the cursor, EL, ED 0, DECCKM, DECAWM, modes of cursor and paste, the keypad, ASCII, and
# OSC 0, 1, 2 and 7: what has the same effect whenever it is shown. No byte can be matched in two ways, so that the time
# is linear.
_REPLAY_SAFE = (
    rb"(?: [\x20-\x7e\t\b\r\n]+ (?![\x20-\x7e\t\b\r\n]) | \xc2[\xa0-\xbf] | [\xc3-\xf4][\x80-\xbf]{1,3}"
    rb" | \x1b\[ (?: [0-9;:]*m | [0-9;]*[ABCDGHKdf] | 0?J | \?(?:1|7|12|25|2004)[hl] )"
    rb" | \x1b[=>] | \x1b\(B | \x1b\](?:0|1|2|7); [\x20-\x7e\x80-\xff]* (?:\x07|\x1b\\) )*"
)


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


def replay_safe(data: bytes, columns: int, rows: int) -> bool:
    """Return whether raw output can be sent to a terminal later: it only draws, and in at most `rows` rows.

    A bell, a query, a reset, a clipboard write or an unknown sequence would act a second time.
    """
    import re

    if data.count(b"\n") + len(data) // max(columns, 1) >= rows:
        return False
    return re.fullmatch(_REPLAY_SAFE, data, re.VERBOSE) is not None
