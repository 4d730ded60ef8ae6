"""The bytes that lead a terminal, whatever it was showing, to an empty screen without destroying anything.

No emulator is needed for a session that has printed nothing, so this module imports none.
"""

from __future__ import annotations

#: Leave any unfinished sequence: CAN ends it, ST ends a string.
LEAVE = b"\x18\x1b\\"

#: What would bend the content that follows: origin, left-right margins, insert, line feed mode, wrap, margins, pen,
#: charsets. Only the modes of these that differ from a terminal's defaults have an effect.
NEUTRAL = b"\x1b[?6l\x1b[?69l\x1b[4l\x1b[20l\x1b[?7h\x1b[r\x1b[m\x1b]8;;\x1b\\\x1b(B\x1b)B\x0f"


def fresh(rows: int) -> bytes:
    """Scroll what `rows` rows show into the terminal's own scrollback and stand at the top left.

    Line feeds from the last row do it: nothing is erased (no ED), so nothing that was on screen is lost.
    """
    return LEAVE + NEUTRAL + b"\x1b[%d;1H" % rows + b"\n" * rows + b"\x1b[H"
