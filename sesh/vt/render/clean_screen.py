"""The bytes that lead a terminal, whatever it was showing, to an empty screen without destroying anything.

No emulator is needed for a session that has printed nothing, or little and plain, so this module imports none.
"""

from __future__ import annotations

#: Leave any unfinished sequence: CAN ends it, ST ends a string.
LEAVE = b"\x18\x1b\\"

#: What would bend the content that follows: origin, left-right margins, insert, line feed mode, wrap, margins, pen,
#: charsets. Only the modes of these that differ from a terminal's defaults have an effect.
NEUTRAL = b"\x1b[?6l\x1b[?69l\x1b[4l\x1b[20l\x1b[?7h\x1b[r\x1b[m\x1b]8;;\x1b\\\x1b(B\x1b)B\x0f"


def clean_screen(rows: int) -> bytes:
    """Scroll what `rows` rows show into the terminal's own scrollback and stand at the top left.

    Line feeds from the last row do it: nothing is erased (no ED), so nothing that was on screen is lost.
    """
    return LEAVE + NEUTRAL + b"\x1b[%d;1H" % rows + b"\n" * rows + b"\x1b[H"


#: Bytes of output that are looked through for anything that acts.
REPLAY_SAFE_LIMIT = 64 << 10

# Text in UTF-8 without C1, the pen, the cursor, EL, ED below the cursor, DECCKM, DECAWM, cursor and paste modes, the
# keypad, ASCII, and titles and directories (OSC 0, 1, 2, 7): what leaves the same behind whenever it is shown. No byte
# can be read in two ways, so that the time is linear.
_HARMLESS = (
    rb"(?: [\x20-\x7e\t\b\r\n]+ (?![\x20-\x7e\t\b\r\n]) | \xc2[\xa0-\xbf] | [\xc3-\xf4][\x80-\xbf]{1,3}"
    rb" | \x1b\[ (?: [0-9;:]*m | [0-9;]*[ABCDGHKdf] | 0?J | \?(?:1|7|12|25|2004)[hl] )"
    rb" | \x1b[=>] | \x1b\(B | \x1b\](?:0|1|2|7); [\x20-\x7e\x80-\xff]* (?:\x07|\x1b\\) )*"
)


def replay_safe(data: bytes, columns: int, rows: int) -> bool:
    """Whether a terminal that is shown `data` later does nothing but show it, in at most `rows` rows.

    A bell, a question, a reset, a clipboard write or a sequence unknown here would act a second time.
    """
    import re

    if data.count(b"\n") + len(data) // max(columns, 1) >= rows:
        return False
    return re.fullmatch(_HARMLESS, data, re.VERBOSE) is not None
