"""Character sets (ISO 2022): which of G0 to G3 draws what.

DEC special graphics and the British set change what is drawn; every other set is remembered by its
designator, so that it can be restored, and draws as ASCII: output is UTF-8.
"""

from __future__ import annotations

#: DEC special graphics, 0x5f to 0x7e (VT100 user guide, table 3-9).
_GRAPHICS = "\xa0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"

TABLES: dict[str, dict[int, str]] = {
    "0": {0x5F + at: char for at, char in enumerate(_GRAPHICS)},
    "A": {0x23: "£"},
}

#: Final byte of the designating escape for G0 to G3 (94 characters), by its intermediate.
SLOTS = {"(": 0, ")": 1, "*": 2, "+": 3}
ASCII = "B"
