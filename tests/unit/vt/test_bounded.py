"""What bytes may cost: runs come out as if they were drawn one by one, and a call looks at the clock soon."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.vt import scrollback, tokenizer
from sesh.vt.emulator import Emulator
from sesh.vt.screen import Screen

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


@pytest.mark.parametrize("line", [b"a\rb\r\n", b"\r\n", b"\x1b[44;1m white \x1b[0m\r\n", b"10%\r20%\r\n"])
def test_a_call_takes_less_of_bulk_output_that_costs_more(line: bytes) -> None:
    data = line * (1 << 20)
    assert Emulator(80, 24).feed(data[: 1 << 20], 10.0) <= 1 << 19
    assert Emulator(80, 24).feed(data[: 1 << 20]) == 1 << 20
    plain = b"a line of text, as long as most of them are\r\n" * (1 << 15)
    assert Emulator(80, 24).feed(plain[: 1 << 20], 10.0) == 1 << 20


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
