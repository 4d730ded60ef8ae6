"""The text of a line stays as the cursor left it, however bytes are cut."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator
from sesh.vt.lines import MAX_ROWS, LineReader
from sesh.vt.render.export import follow_state
from sesh.vt.scrollback import LINE_LIMIT as LIMIT

CASES = [
    (b"one\r\ntwo\nthree\r\n", ["one", "two", "three"]),
    (b"10%\r20%\r100%\r\n", ["100%"]),
    (b"wrong\b\b\bite\r\n", ["write"]),
    (b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x1b]8;;http://x\x1b\\ link\x1b]8;;\x1b\\\r\n", ["red plain link"]),
    (b"abc\x1b[2Dx\r\n", ["axc"]),
    (b"abcdef\r\x1b[3C\x1b[K\r\n", ["abc"]),
    (b"abcdef\x1b[1G\x1b[2P\r\n", ["cdef"]),
    (b"cdef\r\x1b[2@ab\r\n", ["abcdef"]),
    (b"a\tb\r\n", ["a       b"]),
    ("ä日本e\u0301\r\n".encode(), ["ä日本e\u0301"]),
    (b"\xff\xfe\r\n", ["\ufffd\ufffd"]),
    (b"before\r\n\x1b[?1049hvim\r\n~\r\n\x1b[?1049lafter\r\n", ["before", "after"]),
    (b"\x1b(B\x1b[?25l\x1b=\x1b>\x1bMx\r\n", ["x"]),
    (b"\x1bPq#0\x1b\\\x1b_Ga=T;AAAA\x1b\\x\r\n", ["x"]),
    (b"", []),
]


@pytest.mark.parametrize(("data", "texts"), CASES)
def test_a_line_is_what_the_terminal_made_of_it(data: bytes, texts: list[str]) -> None:
    assert [line.text for line in LineReader(0, 80).feed(data) if line.final] == texts


@given(st.lists(st.sampled_from(CASES), max_size=4), st.data())
def test_it_does_not_matter_how_the_bytes_are_cut(cases: list[tuple[bytes, list[str]]], data: st.DataObject) -> None:
    stream = b"".join(case for case, _ in cases)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    lines = LineReader(100, 80)
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += [line.text for line in lines.feed(stream[start:end]) if line.final]
    assert found == [text for _, texts in cases for text in texts]
    assert lines.position == 100 + len(stream)


@given(st.binary(max_size=400))
def test_random_bytes_leave_no_controls_in_lines(data: bytes) -> None:
    lines = LineReader(0, 10)
    for line in lines.feed(data):
        assert line.text.isprintable() or not line.text.isascii()
    assert lines.position == len(data)


def test_a_shell_that_wraps_its_own_line_is_understood() -> None:
    """readline writes a blank and a carriage return at the margin."""
    lines = LineReader(0, 10)
    (line,) = (each for each in lines.feed(b"$ 12345678 \r9abc\r\n") if each.final)
    assert line.text == "$ 123456789abc"


TEXTS = st.text(st.sampled_from("ab c"), max_size=45).map(lambda text: f"${text}#")
ERASES = st.sampled_from(["\x1b[J", "\x1b[K", "\x1b[2K"])


@given(st.lists(st.tuples(TEXTS, st.integers(0, 9), ERASES), min_size=1, max_size=4))
def test_a_line_that_is_drawn_anew_over_several_rows_is_finished_once(draws: list[tuple[str, int, str]]) -> None:
    """Shells go up to the first row of a line that wraps, and draw it again; downward they move by line feeds."""
    judge = pyte.Screen(10, 40)
    terminal = pyte.Stream(judge)
    drawn = ""

    def draw(text: str) -> None:
        nonlocal drawn
        drawn += text
        terminal.feed(text)

    for text, wandered, erased in draws:
        for _ in range(judge.cursor.y):  # also from the last row upward, as programs for builds do
            draw(f"\r{erased}\x1b[A")
        draw(f"\r\x1b[J{text}")
        last = judge.cursor.y
        up = min(wandered, last)
        draw((f"\x1b[{up}A" if up else "") + "\r" + "\n" * up)
    (line,) = (line for line in LineReader(0, 10).feed(f"{drawn}\r\n".encode()) if line.final)
    assert line.text == "".join(judge.display).rstrip()


def test_rows_whose_text_was_erased_are_lines_of_their_own() -> None:
    """A program of builds writes three lines where one was that wrapped."""
    lines = LineReader(0, 10)
    drawn = b"x" * 25 + b"\r\x1b[2A\x1b[2Ka\r\n\x1b[2Kb\r\n\x1b[2Kc\r\n"
    assert [line.text for line in lines.feed(drawn) if line.final] == ["a", "b", "c"]


def test_what_is_left_at_the_end_has_the_text_above_a_row_that_was_erased() -> None:
    lines = LineReader(0, 10)
    assert not [*lines.feed(b"x" * 25 + b"\x1b[2K")]
    assert (lines.current.text, [line.text for line in lines.rest]) == ("", ["x" * 20])


def test_a_status_line_with_margins_and_a_whole_screen_of_letters_add_no_line() -> None:
    drawn = b"y" * 15 + b"\x1b7\x1b[1;23r\x1b8\x1b[99;1H\x1b[J\x1b#8\x1b[2Kz\r\n"
    assert [line.text for line in LineReader(0, 10).feed(drawn) if line.final] == ["z"]


@given(TEXTS, st.integers(0, 4), st.integers(1, 10), st.integers(0, 12), TEXTS)
def test_a_reader_that_begins_within_a_line_goes_on_in_its_row(
    text: str, up: int, column: int, blanks: int, again: str
) -> None:
    """The cursor may be above the end of the text, and below it where blanks have wrapped."""
    before = (f"first\r\n{text}{' ' * blanks}" + (f"\x1b[{up}A" if up else "") + f"\x1b[{column}G").encode()
    emulator = Emulator(10, 5)
    emulator.feed(before)
    if (state := follow_state(emulator))["open"]:
        start = emulator.last_lines(1)[0].encode() + state["start"].encode()
        found = LineReader(0, 10, start)
        drawn = f"\r{again}".encode()
        emulator.feed(drawn)
        list(found.feed(drawn))
        row, x = emulator.cursor
        shown = [*emulator.last_lines(1), ""][0]
        assert found.current.text == shown.rstrip(), (row, x)


def test_a_line_that_goes_on_keeps_its_start() -> None:
    lines = LineReader(50, 80, b"$\r\x1b[3G")
    (line,) = (each for each in lines.feed(b"ls\r\n") if each.final)
    assert (line.text, line.end) == ("$ ls", 54)


def test_a_sequence_that_began_before_is_finished() -> None:
    lines = LineReader(50, 80, b"\x1b[3")
    (line,) = (each for each in lines.feed(b"1mred\r\n") if each.final)
    assert line.text == "red"
    assert line.ansi == "\x1b[0;31mred\x1b[m"


def test_lines_say_where_they_end() -> None:
    ends = [line.end for line in LineReader(1000, 80).feed(b"a\r\nbc\r\n\x1b[31md\n")]
    assert ends == [1003, 1007, 1014]


def test_a_line_without_end_costs_bounded_memory() -> None:
    lines = LineReader(0, 80)
    for _ in range(40):
        list(lines.feed(b"x" * (LIMIT // 8)))
    assert len(lines.current.text) <= LIMIT + 80 * MAX_ROWS
    assert list(lines.feed(b"\x1b]0;" + b"t" * (2 * LIMIT))) == []
    assert {line.final for line in lines.feed(b"\x07\r\n")} == {True}


@pytest.mark.parametrize(
    "broken", [b"\x1b[3\xc3\xa9", b"\x1b[\xc2\xb2", b"\x1b[3\x07", b"\x1b(\x00", b"\x1b[1$2", b"\x1b[1\x18"]
)
def test_a_broken_sequence_leaves_no_escape_in_a_line(broken: bytes) -> None:
    (line,) = (each for each in LineReader(0, 80).feed(b"a" + broken + b"m b\r\n") if each.final)
    assert "\x1b" not in line.text
