"""Character sets (ISO 2022): G0 to G3, and the one in use.

Output is UTF-8, so only DEC special graphics and the British set have an effect; other designators are remembered, but
print as ASCII.
"""

from __future__ import annotations

from typing import NamedTuple

ASCII = "B"
G_SETS = {"(": 0, ")": 1, "*": 2, "+": 3}  # G0 to G3 by the intermediate byte of SCS for a set of 94 characters
_SHIFTS = ("\x0f", "\x0e", "\x1bn", "\x1bo")  # SI, SO, LS2, LS3: they put G0 to G3 into use
_GRAPHICS = "\xa0◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"  # DEC special graphics, 0x5f to 0x7e (VT100 user guide, table 3-9)
_TRANSLATIONS: dict[str, dict[int, str]] = {
    "0": {0x5F + index: char for index, char in enumerate(_GRAPHICS)},
    "A": {0x23: "£"},
}


class Charsets(NamedTuple):
    """The designators of G0 to G3, and the number of the one in use (GL)."""

    sets: tuple[str, ...] = (ASCII,) * 4
    gl: int = 0

    def designated(self, slot: int, code: str) -> Charsets:
        """Return the charsets after SCS designates set `code` for G`slot`."""
        if self.sets[slot] == code:  # nearly always: full-screen programs designate ASCII with each change of pen
            return self
        return Charsets((*self.sets[:slot], code, *self.sets[slot + 1 :]), self.gl)

    @property
    def translation(self) -> dict[int, str] | None:
        return _TRANSLATIONS.get(self.sets[self.gl])

    def sequences(self, *, every: bool = False) -> str:
        """Return the sequences that restore the charsets; with `every`, the default ones too."""
        out = [f"\x1b{slot}{code}" for slot, code in zip(G_SETS, self.sets) if every or code != ASCII]
        if every or self.gl > 0:
            out.append(_SHIFTS[self.gl])
        return "".join(out)


DEFAULT_SETS = Charsets()
