"""The widths of characters, and which characters join into one grapheme."""

from __future__ import annotations

import pytest

from sesh.vt.emulator import Emulator
from sesh.vt.graphemes import cells as cells_of
from sesh.vt.graphemes import width


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("\u1000\u103a\u1000", ["\u1000\u103a", "\u1000"]),  # asat kills the vowel, and joins nothing
        ("\u0e01\u0e3a\u0e01", ["\u0e01\u0e3a", "\u0e01"]),
        ("\u1780\u17d2\u1780", ["\u1780\u17d2\u1780"]),
        ("\u0e01\u0e33", ["\u0e01", "\u0e33"]),  # a spacing mark with a width
        ("\u1100\u1100\uac00\u11a8", ["\u1100", "\u1100", "\uac00\u11a8"]),  # Hangul
        ("a\U0001f3fb", ["a", "\U0001f3fb"]),
        ("\u0915\u094d\u0301\u0937", ["\u0915\u094d\u0301", "\u0937"]),  # a conjunct with a mark
        ("\u0915\u094d\u200d\u0937", ["\u0915\u094d\u200d\u0937"]),
        ("\U0001f469\u200d\U0001f469", ["\U0001f469\u200d\U0001f469"]),
        ("\u2764\ufe0f\u200d\U0001f525", ["\u2764\ufe0f\u200d\U0001f525"]),
        ("\U0001f1eb\U0001f1f7\U0001f1e9", ["\U0001f1eb\U0001f1f7", "\U0001f1e9"]),
        ("\U0001f44d\U0001f3fd", ["\U0001f44d\U0001f3fd"]),
    ],
)
def test_what_joins_is_one_grapheme(text: str, cells: list[str]) -> None:
    assert [cell for cell in cells_of(text) if cell] == cells
    emulator = Emulator(20, 2)
    emulator.feed(text.encode())
    shown = [cell for cell in emulator.screen.rows[0].text if cell]
    assert shown[: len(cells)] == cells


@pytest.mark.parametrize(("char", "columns"), [("\u0600", 0), ("\u06dd", 0), ("\u3164", 2), ("\u302e", 0)])
def test_widths_are_those_on_which_xterm_and_kitty_agree(char: str, columns: int) -> None:
    assert width(char) == columns
