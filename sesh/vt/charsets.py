"""Character sets (ISO 2022): G0 to G3, and which of them is in use.

Output is UTF-8, so only two sets change what is drawn, DEC special graphics and the British one; the others are
remembered by their designators and draw as ASCII.
"""

from __future__ import annotations

from typing import NamedTuple

ASCII = "B"
G_SETS = {"(": 0, ")": 1, "*": 2, "+": 3}
"""G0 to G3 by the intermediate of the escape that designates a set of 94 characters (SCS)."""
_GRAPHICS = "\xa0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"
"""DEC special graphics, 0x5f to 0x7e (VT100 user guide, table 3-9)."""
_TRANSLATIONS: dict[str, dict[int, str]] = {
    "0": {0x5F + index: char for index, char in enumerate(_GRAPHICS)},
    "A": {0x23: "£"},
}


class Charsets(NamedTuple):
    """The designators of G0 to G3, and the number of the one in use (GL)."""

    sets: tuple[str, ...] = (ASCII,) * 4
    gl: int = 0

    def designated(self, slot: int, code: str) -> Charsets:
        """Return them with another set in one of G0 to G3 (SCS)."""
        if self.sets[slot] == code:  # nearly always: full-screen programs designate ASCII with each change of the pen
            return self
        return Charsets((*self.sets[:slot], code, *self.sets[slot + 1 :]), self.gl)

    def translation(self, slot: int) -> dict[int, str] | None:
        """Return what one of them draws in place of ASCII; None if it is the same."""
        return _TRANSLATIONS.get(self.sets[slot])

    def sequences(self, *, every: bool = False) -> str:
        """Return what designates those that are not ASCII, or `every` one, and says which is in use."""
        out = [f"\x1b{slot}{code}" for slot, code in zip(G_SETS, self.sets, strict=True) if every or code != ASCII]
        return "".join(out) + ("\x0f", "\x0e", "\x1bn", "\x1bo")[self.gl] * (every or self.gl > 0)


DEFAULT_SETS = Charsets()
