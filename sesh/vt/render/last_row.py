"""Put the last row back after a line of another program was drawn over it."""

from __future__ import annotations

from sesh.vt.charsets import DEFAULT_SETS
from sesh.vt.emulator import Emulator
from sesh.vt.encoded import Encoder
from sesh.vt.grammar import STRINGS
from sesh.vt.pen import DEFAULT
from sesh.vt.render.clean_screen import NEUTRAL
from sesh.vt.render.replay import printing_modes, put_cursor, put_saved_cursor

_NOT_ASCII = bytes(range(0x80, 0x100))
_MAX_UNFINISHED = 64  # bytes of an unfinished sequence that are sent again


def coverable(emulator: Emulator) -> bool:
    """Return whether a line may be drawn now: it would cut off no string of the program's, such as an image."""
    unfinished = emulator.unfinished
    in_string = unfinished[:1] == b"\x1b" and unfinished[1:2].decode("latin-1") in STRINGS and len(unfinished) > 1
    return not in_string and len(unfinished) < _MAX_UNFINISHED


def last_row(emulator: Emulator) -> bytes:
    """Return the bytes that print the last row, and restore all that drawing over it has changed.

    These are the saved cursor (DECSC), margins, modes of printing, charsets, pen, cursor, and an unfinished sequence,
    but not an unfinished character.
    """
    screen = emulator.screen
    out = Encoder()
    out.sequence(NEUTRAL.decode("ascii"))
    if screen.used.charsets:  # the Linux console prints the B of ESC * B
        out.sequence(DEFAULT_SETS.sequences(every=True))
    row = screen.rows[-1]
    size = row.end()
    out.sequence(f"\x1b[{screen.height};1H")
    out.row(row.cut(0, size))
    out.set_pen(DEFAULT)
    if size < screen.columns:
        # ECH, not EL: EL would break the row off from a wrapped line above it.
        out.sequence(f"\x1b[{screen.columns - size}X")
    put_saved_cursor(out, screen)
    out.set_pen(DEFAULT)
    out.sequence(printing_modes(screen))
    put_cursor(out, screen)
    return str(out).encode() + emulator.unfinished.rstrip(_NOT_ASCII)
