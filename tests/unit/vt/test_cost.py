"""What bytes may cost: runs come out as if they were drawn one by one, and no call of the emulator goes on for long."""

from __future__ import annotations

import gc
import itertools
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.vt import cell, scrollback, tokenizer
from sesh.vt.emulator import Emulator
from sesh.vt.graphemes import joined
from sesh.vt.row import Row
from sesh.vt.screen import Screen
from tests.unit.vt.streams import piece, stream

GRAPHEMES = (
    "a", "é", "─", "中", "e\u0301", "❤\ufe0f", "⌚\ufe0e", "👩\u200d👩", "👩\u200d", "🇫", "🇫🇷", "क्", "क्ष", "का", "한",
    "#\ufe0f\u20e3",
)  # fmt: skip
STATES = (
    "\x1b[4h", "\x1b[?7l", "\x1b[?69h\x1b[2;5s", "\x1b[2;3r", "\x1b[41m", "\x1b[?1049h", "\x1b[5G", "\x1b[99B",
    "\x1b#8",
)  # fmt: skip


class OneByOne(Screen):
    """A screen that draws runs one by one."""

    def repeat(self, count: int = 1) -> None:
        if self.joinable:
            grapheme = self.last_grapheme()[1]
            for _ in range(min(count or 1, self.columns * (1 if self.narrow else self.lines))):
                self._print(grapheme)


def drawn(data: str, size: tuple[int, int], limits: dict[str, int], naive: bool) -> Emulator:
    emulator = Emulator(*size, **limits)
    if naive:
        emulator.screen = OneByOne(*size, emulator.scrollback)
        emulator.tokenizer = tokenizer.Tokenizer(emulator.screen)
    emulator.feed(data.encode())
    assert emulator.errors == 0, emulator.last_error
    return emulator


RUNS = st.tuples(st.sampled_from(GRAPHEMES), st.sampled_from((0, 1, 2, 3, 7, 20, 61, 300, 99999999)))
SIZES = st.sampled_from(((1, 3), (2, 2), (5, 1), (7, 3), (12, 4)))
LIMITS = st.sampled_from(({}, {"max_lines": 0}, {"max_lines": 3}, {"max_bytes": 90}))


@settings(max_examples=100)
@given(
    st.lists(st.one_of(RUNS, st.sampled_from((*STATES, "\r\n", "x", "\x1b[m"))), max_size=12),
    SIZES,
    LIMITS,
    st.booleans(),
)
def test_a_run_comes_out_as_if_it_were_drawn_one_by_one(
    parts: list[str | tuple[str, int]], size: tuple[int, int], limits: dict[str, int], short: bool
) -> None:
    data = ""
    for part in parts:
        if isinstance(part, str):
            data += part
        else:
            # A grapheme that is not simply put beside itself is repeated over one row at most.
            grapheme, count = part
            data += f"{grapheme}\x1b[{min(count, size[0]) if len(grapheme) > 1 or grapheme == '🇫' else count}b"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scrollback, "LINE_LIMIT", 40 if short else 65536)
        assert drawn(data, size, limits, False).state() == drawn(data, size, limits, True).state()


@pytest.mark.parametrize("grapheme", ["中", "e\u0301", "🇫🇷", "👩\u200d👩"])
def test_a_long_run_of_a_wide_or_composed_grapheme_is_as_if_drawn_one_by_one(grapheme: str) -> None:
    data = f"before {grapheme}\x1b[9999b\x1b[31m{grapheme}\x1b[50bx"
    for size in ((80, 24), (7, 3), (2, 9)):
        assert drawn(data, size, {}, False).state() == drawn(data, size, {}, True).state()


def test_a_run_draws_few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator(200, 60)
    made = 0
    init = Row.__init__

    def counted(row: Row, *arguments: object) -> None:
        nonlocal made
        made += 1
        init(row, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Row, "__init__", counted)
    emulator.feed(b"a\x1b[99999999b" * 500)
    assert emulator.scrolled > 50
    assert made < 5 * 500  # drawn one by one, each of them fills sixty rows


def test_a_row_of_one_character_goes_to_the_scrollback_as_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its cells was looked at: rows of a rule or of a wide character cost 30 times those of plain text."""
    calls = 0

    def counted(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        return joined(*arguments)

    monkeypatch.setattr(cell, "joined", counted)
    emulator = Emulator(200, 4)
    emulator.feed("─\x1b[1999b\r\n中\x1b[1999b\r\n".encode() * 4)
    assert emulator.scrollback.lines > 4
    assert calls < 2000
    emulator.feed("🇫\r\n\u094d".encode() * 4)
    assert "🇫" in "".join(emulator.last_lines(20))


def test_a_row_of_one_character_is_not_looked_at_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """REP over a screen of 500 columns took six times as long, scrolling a screen of DECALN four times."""
    monkeypatch.setattr(cell.Encoder, "cells", None)
    emulator = Emulator(500, 20)
    emulator.feed(b"x\x1b[99999999b\r\n\x1b[31mx\x1b[99999999b\x1b[m\x1b#8\x1b[20;1H" + b"\n" * 20)
    assert emulator.errors == 0, emulator.last_error
    assert emulator.scrollback.lines > 20


def test_a_screen_that_is_filled_or_erased_again_and_again_makes_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator(200, 60)
    emulator.feed(b"\x1b#8\x1bc\x1b[2J")
    monkeypatch.setattr(Row, "__init__", None)
    emulator.feed(b"\x1b#8\x1bc\x1b[J\x1b[1;1H\x1b[9L\x1b[9M\x1b[2J\x1b[60S\x1b[60T\x1b[?1049h\x1b[?1049l" * 500)
    assert emulator.errors == 0, emulator.last_error


def test_rows_that_share_their_cells_are_changed_apart() -> None:
    emulator = Emulator(4, 3)
    emulator.feed(b"\x1b#8\x1b[2;2Hx\x1b[1;4H\x1b[K")
    assert emulator.text() == ["EEE", "ExEE", "EEEE"]
    emulator.feed(b"\x1b[2J\x1b[2;1Hy\x1b[3;2H\x1b[@z")
    assert emulator.text() == ["", "y", " z"]
    other = Emulator(4, 3)
    other.feed(b"\x1b#8")
    assert other.text() == ["EEEE"] * 3


# -- time ------------------------------------------------------------------------------------------------------


def test_a_call_stops_when_its_time_is_over_and_what_is_left_can_be_fed_later() -> None:
    rng = random.Random(4)
    calls = 0
    for _ in range(25):
        data = stream(rng, 400)
        whole, parts = Emulator(12, 4), Emulator(12, 4)
        whole.feed(data)
        left = data
        while left:
            taken = parts.feed(left, 0.0)
            assert taken > 0
            left = left[taken:]
            calls += 1
        assert parts.state() == whole.state()
    assert calls > 120


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[?69h\x1b[2;19s\x1b[" + b"\n" * 3000 + b"m",
        b"\x1b[?69h\x1b[2;19s\x1b[3\nm\xff" + b"\n" * 3000,
        "é中\ufffd\x1b[3\r1mé".encode() * 300,
    ],
)
def test_what_is_no_utf8_and_controls_within_a_sequence_do_not_prolong_a_call(data: bytes) -> None:
    whole, parts = Emulator(20, 4), Emulator(20, 4)
    whole.feed(data)
    left, longest = data, 0
    while left:
        taken = parts.feed(left, 0.0)
        longest = max(longest, taken)
        left = left[taken:]
    assert longest <= 2 * tokenizer.SMALL + tokenizer.TOGETHER * 2
    assert parts.state() == whole.state()


def test_a_call_stops_within_bulk_output_too() -> None:
    lines = b"".join(b"%d\r\n" % number for number in range(4000))
    whole, parts = Emulator(12, 4), Emulator(12, 4)
    whole.feed(lines)
    at = 0
    while at < len(lines):
        at += parts.feed(lines[at : at + 9000], 0.0)
    assert parts.state() == whole.state()


@pytest.mark.parametrize("line", [b"a\rb\r\n", b"\r\n", b"\x1b[44;1m white \x1b[0m\r\n", b"10%\r20%\r\n"])
def test_a_call_takes_less_of_bulk_output_that_costs_more(line: bytes) -> None:
    data = line * (1 << 20)
    assert Emulator(80, 24).feed(data[: 1 << 20], 10.0) <= 1 << 19
    assert Emulator(80, 24).feed(data[: 1 << 20]) == 1 << 20
    plain = b"a line of text, as long as most of them are\r\n" * (1 << 15)
    assert Emulator(80, 24).feed(plain[: 1 << 20], 10.0) == 1 << 20


def test_styles_that_are_dropped_are_freed_without_the_garbage_collector() -> None:
    """A collection of what 4,000 styles leave behind took 100 ms."""
    emulator = Emulator(80, 24)
    colours = "".join(f"\x1b[38;2;{n % 256};{n // 256};7mx" for n in range(9000))
    emulator.feed(colours.encode())
    gc.collect()
    gc.disable()
    try:
        emulator.feed(colours.replace(";7mx", ";8mx").encode())
        assert gc.collect() < 2000
    finally:
        gc.enable()


def test_the_clock_is_looked_at_every_few_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    monkeypatch.setattr(tokenizer, "perf_counter", clock)
    emulator = Emulator(200, 60)
    taken = emulator.feed(b"\x1b[?69h\x1b[2;199s" + b"\x1bM" * 10_000, 2.5)
    assert taken < 4 * tokenizer.TOGETHER * 2


def test_the_clock_is_looked_at_after_a_sequence_that_changes_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "perf_counter", itertools.count().__next__)
    for sequence in (
        b"\x1b[1;1;100;300${",
        b"\x1b[1;1;100;300;1;2;2;1$v",
        b"a\x1b[99999b",
        b'\x1bPq"1;1;9;9999~\x1b\\',
    ):
        assert Emulator(300, 100).feed(sequence * 40, 1) <= 2 * len(sequence)


@pytest.mark.parametrize("mode", ["\x1b[4h", "\x1b[?2027h", "\x1b[?7l"])
@pytest.mark.parametrize("text", ["e\u0301", "❤\ufe0f", "\u1100\u1161", "🇫"])
def test_text_that_is_drawn_character_by_character_does_not_prolong_a_call(mode: str, text: str) -> None:
    """Four kilobytes of it are one token: between two looks at the clock they took 40 to 150 ms at 300 columns."""
    data = text.encode() * 2000
    whole, parts = Emulator(30, 4), Emulator(30, 4)
    for emulator in (whole, parts):
        emulator.feed(mode.encode())
    whole.feed(data)
    left = data
    while left:
        taken = parts.feed(left, 0.0)
        assert taken <= tokenizer.ONE_BY_ONE
        left = left[taken:]
    assert parts.state() == whole.state()


def test_the_clock_is_looked_at_after_rows_of_many_colours_have_scrolled_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "perf_counter", itertools.count().__next__)
    colours = "".join(f"\x1b[{31 + column % 6}mx" for column in range(300)) + "\r\n"
    for sequence, most in ((b"\x1b[99S", 2), (b"\x1bD", 20)):
        emulator = Emulator(300, 100)
        emulator.feed(colours.encode() * 99 + b"\x1b[100H")
        assert emulator.feed(sequence * 400, 1) <= most * len(sequence)


def test_a_selector_that_changes_a_width_makes_no_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row became cells and text again with each of them: 0.2 ms for a character at 300 columns."""
    emulator = Emulator(300, 4)
    emulator.feed(b"\x1b[31mab\x1b[m")
    monkeypatch.setattr(Row, "settle", None)
    emulator.feed(b"\x1b[?7l" + "⌚\ufe0e❤".encode() * 40)
    for _ in range(40):
        emulator.feed("\ufe0f❤".encode())
    assert emulator.errors == 0, emulator.last_error
    monkeypatch.undo()
    assert emulator.text()[0].startswith("ab⌚\ufe0e❤")


@given(
    st.integers(1, 8),
    st.integers(0, 9),
    st.integers(0, 40),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.sampled_from(["", "\x1b[?69h\x1b[2;5s", "\x1b[?1049h", "\x1b[44m", "\x1b[1;40Hxy"]),
)
def test_an_image_goes_down_as_line_by_line(
    row: int, column: int, count: int, margins: tuple[int, int], how: str
) -> None:
    at_once, one_by_one = Emulator(9, 7), Emulator(9, 7)
    for emulator in (at_once, one_by_one):
        emulator.feed("".join(f"{n}\r\n" for n in range(12)).encode() + b"\x1b[%d;%dr" % margins + how.encode())
        emulator.feed(b"\x1b[%d;%dH" % (row, column))
    at_once.screen.index_times(count)
    for _ in range(count):
        one_by_one.screen.index()
    assert at_once.state() == one_by_one.state()


# -- resizing --------------------------------------------------------------------------------------------------


def test_a_resize_makes_no_more_rows_than_show(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator(200, 60)
    emulator.feed(b"\r\n".join(b"line %d " % number * 20 for number in range(12_000)) + b"x" * 60_000)
    made = 0
    init = Row.__init__

    def counted(row: Row, *arguments: object) -> None:
        nonlocal made
        made += 1
        init(row, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Row, "__init__", counted)
    for columns, rows in ((1, 1000), (200, 60), (1, 1), (200, 60)):
        made = 0
        emulator.resize(columns, rows)
        assert made <= rows + 1


def test_a_resize_takes_few_lines_out_of_a_block() -> None:
    emulator = Emulator(40, 10)
    emulator.feed(b"".join(b"line %d\r\n" % number for number in range(9000)))
    before = emulator.last_lines(9000)
    emulator.resize(40, 30)
    emulator.resize(40, 10)
    assert sum(not isinstance(each, bytes) for each in emulator.scrollback._ring) == 1
    assert emulator.last_lines(9000) == before


def test_no_call_is_long_whatever_the_bytes() -> None:
    """The bound is ten times what is wanted, for a machine that has other things to do; the best of a few counts."""
    assert any(_longest_call() < 0.2 for _ in range(4))


def _longest_call() -> float:
    """Seconds of the longest of some calls with hostile bytes."""
    rng = random.Random(8)
    emulator = Emulator(300, 100)
    hostile = [
        b"a\x1b[99999999b", b"\x1b#8", b"\x1bc", b"\x1b[60S", b"\x1b[?69h\x1b[2;199s\x1b[60H\n",
        "中\x1b[9999b".encode(), b"\x1b[1;1;100;300${", "中文\x1b[1;2;100;299${".encode(),
        b"\x1b[1;1;100;300;1;2;2;1$v", b'\x1bPq"1;1;1000;99999#1~\x1b\\', b"\x1b[?69h\x1b[1;2s\x1b[100H" + b"x" * 4000,
    ]  # fmt: skip
    longest = 0.0
    for unit in (each + piece(rng) for each in hostile):
        data = unit * (65536 // len(unit))
        for _ in range(5):
            began = time.thread_time()
            taken = emulator.feed(data, 0.008)
            longest = max(longest, time.thread_time() - began)
            data = data[taken:]
            if not data:
                break
    return longest
