"""What an OSC sets or prints is part of the screen, whatever form of it a terminal knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay
from sesh.vt.sized_text import block, parse
from tests.unit.vt.streams import fed


def set_by(*commands: str) -> dict[str, str]:
    return fed("".join(f"\x1b]{command}\x1b\\" for command in commands)).screen.osc_values


@pytest.mark.parametrize(
    ("commands", "values"),
    [
        (["21;background=#400000;cursor=#00ff00"], {"11": "#400000", "12": "#00ff00"}),
        (["21;7=red;255=#fff;256=blue"], {"4;7": "red", "4;255": "#fff", "5;0": "blue"}),
        (["21;selection_foreground=red", "119"], {"19": ""}),
        (["11;red", "21;background"], {"11": ""}),
        (["21;cursor_text=#fff;cursor_text=?"], {"21;cursor_text": "=#fff"}),
        (["21;cursor_text=;visual_bell=#111@0.5"], {"21;cursor_text": "=", "21;visual_bell": "=#111@0.5"}),
        (["21;visual_bell=red", "21;visual_bell"], {"21;visual_bell": ""}),
        (["21;foreground=?;nonsense=red;cursor=\x07"], {"12": ""}),
        (["5;0;red;1;#123", "4;257;blue"], {"5;0": "red", "5;1": "blue"}),
        (["5;0;red;1;red", "4;1;red", "105;0"], {"5;0": "", "5;1": "red", "4;1": "red"}),
        (["5;0;red", "4;1;red", "104"], {"5;0": "", "4;1": ""}),
        (["5;5;red", "4;261;red", "4;x;red"], {}),
    ],
)
def test_a_colour_has_one_value_whatever_sets_it(commands: list[str], values: dict[str, str]) -> None:
    assert set_by(*commands) == values
    assert fed(replay(fed("".join(f"\x1b]{each}\x07" for each in commands))).decode()).screen.osc_values == values


@pytest.mark.parametrize(
    ("data", "rows", "cursor"),
    [
        ("\x1b]66;s=2;Big\x1b\\ after", ["Big    after", "", "", ""], (0, 12)),
        ("x\x1b]66;w=2;Y\x07z", ["xY z", "", "", ""], (0, 4)),
        ("\x1b]66;w=1;ab\x07z", ["az", "", "", ""], (0, 2)),
        ("\x1b]66;w=1;中\x07z", [" z", "", "", ""], (0, 2)),
        ("\x1b]66;s=2:w=2;中\x07z", ["中  z", "", "", ""], (0, 5)),
        ("\x1b]66;;plain; with a semicolon\x07", ["plain; with a semico", "lon", "", ""], (1, 3)),
        ("\x1b]66;s=9:w=x:n=1:d=2;odd\x07", ["odd", "", "", ""], (0, 3)),
        ("a\r\nb\r\nc\r\nd\x1b]66;s=3;E\x07", ["c", "dE", "", ""], (1, 4)),
        ("\x1b[3;1Ha\x1b]66;s=2;E\x07", ["", "", "aE", ""], (2, 3)),
        ("\x1b[4;18Hx\x1b]66;w=4;E\x07", ["", "", "                 x", "E"], (3, 4)),
        ("\x1b]66;s=2\x07x", ["x", "", "", ""], (0, 1)),
    ],
)
def test_a_text_of_another_size_is_text(data: str, rows: list[str], cursor: tuple[int, int]) -> None:
    emulator = fed(data, 20, 4)
    assert emulator.text() == rows
    assert emulator.cursor == cursor


@given(st.integers(0, 9), st.integers(0, 9), st.text(max_size=30), st.integers(1, 40))
def test_a_block_is_as_wide_as_it_says(scale: int, width: int, text: str, columns: int) -> None:
    sizing, text = parse(f"s={scale}:w={width};{text}")
    shown = block(sizing, text, columns)
    assert len(shown) <= columns * 8 + len(text)
    if sizing.width:
        emulator = Emulator(80, 4)
        emulator.feed(shown.encode())
        assert emulator.cursor[1] <= min(columns, sizing.width * sizing.scale)
