"""Pens and cells are remembered, so that most of them are made once; and no more of them than some thousands."""

from __future__ import annotations

import random

from sesh.vt import cell
from sesh.vt.emulator import Emulator


def remembered() -> int:
    """What the caches of all pens hold."""
    pens = [*cell._pens.values(), *cell._linked.values()]
    return sum(len(pen) + len(pen.after_sgr) for pen in pens)


def test_colours_and_characters_in_all_combinations_are_not_all_remembered() -> None:
    emulator, dice = Emulator(80, 24), random.Random(1)
    most = 0
    for _ in range(40):
        words = [
            f"\x1b[{dice.randrange(24) + 1};1H\x1b[38;5;{dice.randrange(256)}m\x1b[48;5;{dice.randrange(256)}m"
            + "".join(chr(0x4E00 + dice.randrange(4000)) for _ in range(30))
            for _ in range(60)
        ]
        for word in words:
            emulator.feed(word.encode())
            assert emulator.screen.buffer  # makes cells of the text
        most = max(most, remembered())
    assert cell.ENTRIES / 2 < most <= cell.ENTRIES
    assert len(cell._pens) <= cell.PENS
