"""Lines go into the scrollback, and a resize moves them to and from it."""

from __future__ import annotations

from functools import partial

import pytest

from sesh.vt.emulator import Emulator
from tests.unit.vt import streams

fed = partial(streams.fed, columns=10, rows=3)


def numbered(count: int) -> str:
    return "\r\n".join(f"line {number}" for number in range(count))


def test_a_line_that_is_partly_on_screen_is_one_line() -> None:
    emulator = fed("x" * 45)
    assert emulator.screen.scrollback.count == 1
    assert emulator.scrolled == 1
    assert emulator.last_lines(9) == ["x" * 45]


def test_a_default_blank_at_the_end_of_a_row_full_of_colour_is_left_out() -> None:
    """A replay leaves such a blank out, and gave another scrollback than the original."""
    emulator = fed("\x1b[41mx\r\n\r\n\x1b[41mab\x1b[m \r\n", columns=3, rows=1)
    assert emulator.screen.scrollback.last(1) == ["\x1b[0;41mab"]


def test_a_region_that_begins_at_the_top_scrolls_lines_off() -> None:
    """The progress bar of apt on the last row must not cost lines above it."""
    emulator = fed("\x1b[1;2r" + numbered(4))
    assert emulator.screen.scrollback.last(9) == ["line 0", "line 1"]


def test_it_is_bounded_in_lines() -> None:
    emulator = fed(numbered(50), max_lines=7)
    assert emulator.screen.scrollback.last(99) == [f"line {number}" for number in range(40, 47)]
    assert emulator.scrolled == 47


def test_it_is_bounded_in_bytes() -> None:
    emulator = fed(numbered(500), max_bytes=100)
    assert emulator.screen.scrollback.bytes <= 100
    assert emulator.screen.scrollback.last(1) == ["line 496"]


def test_its_bytes_are_those_of_utf_8() -> None:
    assert fed("漢字\r\n" * 4).screen.scrollback.bytes == 2 * len("漢字".encode())


def test_without_scrollback_nothing_is_kept() -> None:
    emulator = fed("x" * 100 + numbered(9), max_lines=0)
    assert emulator.screen.scrollback.count == 0
    assert emulator.last_lines(99) == emulator.text()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("", []),
        ("$ ", ["$"]),
        ("one\r\n", ["one"]),
        ("one\r\n\r\n", ["one"]),
        ("one\r\n\r\ntwo", ["one", "", "two"]),
        ("one\r\n\x1b[3;1H", ["one"]),
        (numbered(5) + "\r\n", [f"line {number}" for number in range(5)]),
    ],
)
def test_the_last_lines_end_with_the_last_one_written(data: str, lines: list[str]) -> None:
    assert fed(data).last_lines(99) == lines


@pytest.mark.parametrize("rows", [[40, 24], [5], [60], [60, 3, 24]])
@pytest.mark.parametrize("first", [5, 30])
def test_lines_that_are_read_in_turns_come_once_though_the_screen_is_resized(first: int, rows: list[int]) -> None:
    """Lines that a taller screen took back were counted again when they scrolled off."""
    emulator = fed(numbered(100), columns=80, rows=24)
    whole = emulator.last_lines(200)
    page, number = emulator.lines_before(1 << 62, first, 1 << 20)
    read = page
    for height in rows:
        emulator.resize(80, height)
    while page:
        page, number = emulator.lines_before(number, 7, 1 << 20)
        read = page + read
    assert read == whole
    emulator.feed(b"\r\nmore" * 10)
    assert emulator.last_lines(200) == whole + ["more"] * 10
    assert emulator.lines_before(100, 3, 1 << 20) == (whole[-3:], 97)


def test_a_page_that_has_no_time_holds_no_more_than_is_drawn_at_once() -> None:
    """The daemon drew ten thousand short lines for one answer, and did nothing else."""
    emulator = fed(numbered(10_000))
    whole = emulator.last_lines(20_000)
    page, number = emulator.lines_before(1 << 62, 20_000, 1 << 20, seconds=0)
    read = page
    while page:
        assert len(page) <= 512
        page, number = emulator.lines_before(number, 20_000, 1 << 20, seconds=0)
        read = page + read
    assert read == whole


def test_no_line_is_left_out_between_pages_where_one_was_cut_off_its_rest() -> None:
    """A line becomes two when a program rewrites the rest of it on the screen."""
    emulator = fed("l1\r\nl2\r\nl3\r\nl4,wwwwwwwwwwwwwwwww\r\na\r\nb\x1b[1;1HX", columns=10, rows=4)
    whole = fed("l1\r\nl2\r\nl3\r\nl4,wwwwwwwwwwwwwwwww\r\na\r\nb\x1b[1;1HX", columns=10, rows=4).last_lines(99)
    page, number = emulator.lines_before(1 << 62, 2, 1 << 20)
    assert emulator.lines_before(number, 99, 1 << 20)[0] + page == whole


def test_tab_stops_grow_with_the_width() -> None:
    emulator = fed("\x1b[3g\x1b[4G\x1bH\x1b[H", rows=2)
    emulator.resize(30, 2)
    emulator.feed(b"\tx\t\ty")
    assert emulator.text()[0] == "   x            " + " " * 8 + "y"


@pytest.mark.parametrize("pen", ["", "\x1b[31m"])
def test_a_spacer_of_another_pen_leaves_no_sgr_in_its_line(pen: str) -> None:
    """A spacer is no part of its line, but its SGR came into the scrollback."""
    emulator = Emulator(6, 3)
    emulator.feed(f"{pen}ab\x1b[0;1;44m中\x1b[m".encode())
    emulator.resize(3, 3)
    emulator.feed(f"\x1b[H{pen}X\x1b[m\x1b[3;1H\n\n\n".encode())
    assert emulator.screen.scrollback.last(9)[0] == f"{pen.replace('[', '[0;')}Xb\x1b[0;1;44m中"
