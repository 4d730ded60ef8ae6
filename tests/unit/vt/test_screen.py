"""The screen model, and the gaps of pyte that it closes."""

from __future__ import annotations

import random

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator
from sesh.vt.pen import DEFAULT, Pen, Style
from sesh.vt.render.replay import replay
from sesh.vt.row import SPACER
from tests.unit.vt.streams import fed, stream


def style(emulator: Emulator, row: int, column: int) -> Style:
    return emulator.screen.rows[row].pens[column].style


def cells(emulator: Emulator, row: int) -> list[tuple[str, Pen]]:
    return list(zip(emulator.screen.rows[row].text, emulator.screen.rows[row].pens, strict=True))


def test_pyte_is_the_screen_model() -> None:
    emulator = fed("\x1b[1;3;4;5;7;9;31;42mx")
    assert isinstance(emulator.screen, pyte.Screen)
    assert emulator.screen.buffer[0][0] == pyte.screens.Char("x", "red", "green", *[True] * 6)
    assert emulator.screen.buffer[4][19] == pyte.screens.Char(" ")


def test_a_run_that_reaches_the_left_margin_is_inserted_from_there_on() -> None:
    emulator = fed("\x1b[2G12345\x1b[?69h\x1b[3;6s\x1b[4h\x1b[1;2Hab", columns=8)
    apart = fed("\x1b[2G12345\x1b[?69h\x1b[3;6s\x1b[4h\x1b[1;2Ha\x1b[mb", columns=8)
    assert emulator.text()[0] == apart.text()[0] == " ab234"


def test_what_an_insertion_moves_into_the_last_column_is_no_blank_before_a_wide_character() -> None:
    emulator = fed("abc \x1b[1;4H中\x1b[1;1H\x1b[2@", columns=4)
    assert not any(cell is SPACER for cell in emulator.screen.rows[0].text)


def test_mode_45_lets_backspace_go_back_over_a_wrap_and_over_nothing_else() -> None:
    assert fed("abcdef\b\b\bx", 4).text()[:2] == ["abcdef"[:4], "xf"]
    assert fed("\x1b[?45habcdef\b\b\bx", 4).text()[:2] == ["abcx", "ef"]
    assert fed("\x1b[?45habcd\bx", 4).text()[0] == "abcx"
    assert fed("\x1b[?45hab中文\b\b\bx", 5).text()[:2] == ["ab x", "文"]
    assert fed("\x1b[?45hab\r\nc\b\b\bx", 4).text()[:2] == ["ab", "x"]
    assert fed("\x1b[?45h\x1b[?7labcd\b\b\b\b\b\bx", 4).text()[0] == "xbcd"


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("中\x1b[2b", ["中中中", "", "", "", ""]),
        ("abc\x1b[jx", ["abcx", "", "", "", ""]),
        ("a\n\nb\x1b[kx", ["a", "", " bx", "", ""]),
        ("ab\x1b[H\x1b6x", ["xab", "", "", "", ""]),
        ("ab\x1b[2Tc", ["  c", "", "ab", "", ""]),
        ("abc\r\nde\x1b[2 @", ["c", "", "", "", ""]),
        ("abc\r\nde\x1b[ Ax", [" abc", " dx", "", "", ""]),
        ("\x1b[120;2;3;3;5$x", ["", "  xxx", "  xxx", "", ""]),
        (
            "\x1b[66$x\x1b[2;2;4;19$z",
            ["B" * 20, "B" + " " * 18 + "B", "B" + " " * 18 + "B", "B" + " " * 18 + "B", "B" * 20],
        ),
        ("abc\r\ndef\x1b[1;2;2;3;1;2;3$v", ["abc", "debc", "  ef", "", ""]),
        ("中x\x1b[1;2;1;3;1;3;1$v", ["中x", "", " x", "", ""]),
        ("a中中b\x1b[1;3;1;4${", ["a    b", "", "", "", ""]),
        ("\x1b[?6h\x1b[2;4r\x1b[69;9;1;99;3$xy", ["", "y", "", "", ""]),
        ("\x1b[7;1;1;2;2$x\x1b[66;3;1;2;2$xa", ["a", "", "", "", ""]),
    ],
)
def test_sequences_beyond_pyte(data: str, shown: list[str]) -> None:
    assert fed(data).text() == shown


def test_an_erased_rectangle_takes_the_background_and_a_wiped_one_keeps_its_attributes() -> None:
    emulator = fed("\x1b[1;31mab\r\ncd\x1b[m\x1b[44m\x1b[1;1;1;2$z\x1b[2;1;2;2${")
    assert (style(emulator, 0, 0).bg, style(emulator, 0, 0).bold) == ("4", False)
    assert (emulator.text()[1], style(emulator, 1, 0).fg, style(emulator, 1, 0).bold) == ("", "1", True)


@given(st.integers(0, 1 << 32), st.sampled_from(["${", "$z", "$x"]), st.tuples(*[st.integers(1, 14)] * 4))
def test_a_rectangle_changes_its_cells_and_the_halves_at_its_edges(seed: int, how: str, edges: tuple[int, ...]) -> None:
    emulator = Emulator(13, 6)
    emulator.feed(b"\x1b[?1049h" + stream(random.Random(seed), 30) + b"\x18\x1b\\\x1b[?6l")
    before = [cells(emulator, y) for y in range(6)]
    pen = emulator.screen.pen
    top, left, bottom, right = edges
    emulator.feed(f"\x1b[{'65;' * (how == '$x')}{top};{left};{bottom};{right}{how}".encode())
    for y, old in enumerate(before, 1):
        new = cells(emulator, y - 1)
        for x in range(1, 14):
            if top <= y <= bottom and left <= x <= right:
                wiped = " ", old[x - 1][1]
                assert new[x - 1] == {"${": wiped, "$z": (" ", pen.erased), "$x": ("A", pen)}[how]
            elif new[x - 1] != old[x - 1]:
                assert (x + 1 == left and not old[x][0]) or (x - 1 == right and not old[x - 1][0])
                assert top <= y <= bottom
                assert new[x - 1] == (" ", pen.erased)


@pytest.mark.parametrize("mode", [45, 1045])
def test_decstr_resets_reverse_wraparound(mode: int) -> None:
    """DECSTR left the mode on, unlike in xterm."""
    emulator = fed(f"\x1b[?{mode}h")
    assert emulator.mode(mode) is True
    emulator.feed(b"\x1b[!p")
    assert emulator.mode(mode) is False


def test_keys_and_shapes_are_remembered() -> None:
    emulator = fed("\x1b=\x1b[>1u\x1b[>5u\x1b[>4;2m\x1b[4 q")
    assert emulator.screen.keypad
    assert emulator.screen.kitty_flags == 5
    assert emulator.screen.cursor_style == 4
    emulator.feed(b"\x1b[?1049h")
    assert emulator.screen.kitty_flags == 0
    for sequence, flags in ((b"\x1b[>8u\x1b[?1049l\x1b[<u", 1), (b"\x1b[=2;2u", 3), (b"\x1b[=1;3u", 2)):
        emulator.feed(sequence)
        assert emulator.screen.kitty_flags == flags


def test_titles_of_icon_and_window_are_pushed_apart() -> None:
    """vim pushes and pops each title by itself, which left entries over."""
    emulator = fed("\x1b]0;one\x07\x1b[22;2t\x1b[22;1t\x1b]0;two\x07\x1b[23;2t")
    assert (emulator.screen.title, emulator.screen.icon_name) == ("one", "two")
    emulator.feed(b"\x1b[23;1t")
    assert (emulator.screen.icon_name, emulator.screen.titles.entries) == ("one", [])


def test_left_and_right_margins_bound_wrapping_scrolling_and_editing() -> None:
    start = "\x1b[?69h" + "abcdef\r\n" * 3 + "\x1b[2;4s\x1b[1;3r"
    assert fed(start + "\x1b[1;2HWXYZ").text()[:3] == ["aWXYef", "aZcdef", "abcdef"]
    assert fed(start + "\x1b[3;2H\n").text()[:3] == ["abcdef", "abcdef", "a   ef"]
    assert fed(start + "\x1b[1;2H\x1b[P").text()[0] == "acd ef"
    assert fed(start + "\x1b[1;2H\x1b[@").text()[0] == "a bcef"
    assert fed(start + "\x1b[1;2H\x1b[L").text()[:2] == ["a   ef", "abcdef"]


def test_sizes_are_clamped() -> None:
    emulator = Emulator(0, 10_000)
    assert (emulator.columns, emulator.height) == (1, 1000)
    emulator.resize(10_000, -5)
    assert (emulator.columns, emulator.height) == (1000, 1)


def restored(data: str, *, more: str = "", before: str = "\x1b[3;3H\x1b[31m\x1b7\x1b[m") -> Emulator:
    """Return a terminal after another program's output `before` and a replay."""
    terminal = fed(before)
    terminal.feed(replay(fed(data)) + more.encode())
    return terminal


@pytest.mark.parametrize("data", ["\x1b7\x1b[35m", "\x1b[?1049h\x1b[?1049l"])
def test_a_cursor_saved_at_home_is_restored_too(data: str) -> None:
    """The terminal still held another program's cursor, such as that of `tput sc`."""
    terminal = restored(data, more="\x1b8R")
    assert terminal.text()[0] == "R"
    assert terminal.screen.pen is DEFAULT


def test_the_alternate_screen_keeps_its_saved_cursor_and_kitty_flags_over_a_switch() -> None:
    data = "\x1b[?1049h\x1b[2;9H\x1b7\x1b[>7u\x1b[?1049l"
    for emulator in (fed(data), restored(data)):
        assert emulator.screen.kitty_flags == 0
        emulator.feed(b"\x1b[?1049h\x1b8")
        assert (emulator.cursor, emulator.screen.kitty_flags) == ((1, 8), 7)


def test_mode_47_leaves_the_alternate_screen_as_it_is() -> None:
    data = "main\x1b[?47h\x1b[Hhi\x1b[?47l"
    for emulator in (fed(data), restored(data)):
        assert emulator.text()[0] == "main"
        emulator.feed(b"\x1b[?47h")
        assert emulator.text()[0] == "hi"
        emulator.feed(b"\x1b[?47l\x1b[?1049h")
        assert emulator.text()[0] == ""


def test_modes_are_saved_and_restored_by_xtsave_and_xtrestore() -> None:
    data = "\x1b[?7l\x1b[?7;2004;1049s\x1b[?7;2004h"
    for emulator in (fed(data), restored(data)):
        assert (emulator.mode(7), emulator.mode(2004)) == (True, True)
        emulator.feed(b"\x1b[?7;2004;1049;1000r")
        assert (emulator.mode(7), emulator.mode(2004), emulator.alternate) == (False, False, False)


def test_a_wrap_that_is_pending_at_the_right_margin_is_reported_at_the_margin() -> None:
    assert fed("\x1b[?69h\x1b[3;5s\x1b[1;5Ha").cursor == (0, 4)


def test_tabbing_back_stops_at_the_left_margin_in_origin_mode() -> None:
    assert fed("\x1b[?6h\x1b[?69h\x1b[3;6s\x1b[1;2HX\x1b[ZA").text()[0] == "  AX"


def test_a_link_whose_address_is_only_controls_is_none() -> None:
    assert fed("\x1b]8;;\x9b\x07x").screen.pen.link == ""
