"""The cost of bytes is bounded: a call often looks at the clock."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.vt.emulator import Emulator
from sesh.vt.parser import PIECE, SMALLEST_PIECE
from sesh.vt.render.replay import pieces
from tests.unit.vt.streams import state


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[?69h\x1b[2;19s\x1b[" + b"\n" * 3000 + b"m",
        "é中\ufffd\x1b[3\r1mé".encode() * 300,
        b"\x1b[4h" + "e\u0301❤\ufe0f🇫".encode() * 500,
        b"a" * 3000 + b"\x1b[99999b" * 400,
    ],
)
def test_a_call_stops_between_two_pieces_once_its_time_is_over(data: bytes) -> None:
    whole, parts = Emulator(20, 4), Emulator(20, 4)
    whole.feed(data)
    left = data
    while left:
        taken = parts.feed(left, 0.0)
        assert 0 < taken <= PIECE
        left = left[taken:]
    assert state(parts) == state(whole)


@pytest.mark.parametrize(("size", "most"), [((80, 24), PIECE), ((200, 100), 100), ((1000, 1000), SMALLEST_PIECE)])
def test_on_a_large_screen_fewer_bytes_are_parsed_at_once(size: tuple[int, int], most: int) -> None:
    assert Emulator(*size).feed(b"\x1b[J" * 1000, 0.0) == most
    emulator = Emulator(*size)
    emulator.feed(b"\x1b[?69h")
    assert emulator.feed(b"\n" * 1000, 0.0) <= most


@pytest.mark.parametrize("line", [b"a\rb\r\n", b"\r\n", b"\x1b[44;1m white \x1b[0m\r\n", b"a plain line of text\r\n"])
def test_bulk_output_stops_too(line: bytes) -> None:
    data = line * ((4 << 20) // len(line))
    emulator = Emulator(80, 24)
    assert emulator.feed(data, 0.0) < len(data)
    assert Emulator(80, 24).feed(data) == len(data)


@pytest.mark.parametrize("character", ["x", "\u0939", "x\t", "x\r"])
def test_a_line_that_never_ends_is_cut(character: str) -> None:
    """Storing such a line beyond ASCII blocked a session for a tenth of a second."""
    emulator = Emulator(80, 24, max_lines=10)
    emulator.feed((character * 200_000).encode())
    assert len(emulator.screen.scrollback.open_rows) < 65536 // 80
    assert max(map(len, emulator.screen.scrollback.last(10)), default=0) <= 65536


def test_a_replay_is_drawn_in_more_parts_where_its_lines_have_more_rows() -> None:
    lines = ["a line of text" * 4] * 200
    assert len(list(pieces([lines], 80))) <= 2
    assert all(len(part) * len(lines[0]) < 512 for part in pieces([lines], 1))


@pytest.mark.parametrize("link", ["link", "\x1b[31mcoloured\x1b[m"])
def test_titles_and_links_that_are_gone_take_no_memory(link: str) -> None:
    """They stayed in caches: a session grew by a MiB an hour."""
    emulator = Emulator(80, 24, max_lines=10)

    def show(numbers: range) -> None:
        for number in numbers:
            address = f"https://example.org/{number}"
            emulator.feed(f"\x1b]0;at {number}\a\x1b]8;;{address}\a{link}\x1b]8;;\a\r\n".encode())

    show(range(1100))  # afterwards the interpreter's own lists are full
    assert growth(partial(show, range(1100, 2100))) < 256 << 10


def growth(call: Callable[[], object]) -> int:
    """Return how many bytes of memory a call leaves in use."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "template", ["\x1b[%sm", "\x1b[%sH", "\x1b[?%sh", "\x1b]2;%s\a", "\x1b]8;;%s\a", "\x1bPq%s\x1b\\"]
)
def test_long_sequences_that_are_gone_take_no_memory(template: str) -> None:
    """They stayed in a cache: a program that printed numbers of many digits grew the daemon by 140 MB."""
    emulator = Emulator(80, 24)
    emulator.feed(b"x" * 5000)

    def show() -> None:
        for number in range(100):
            emulator.feed((template % f"{number:020000}").encode())

    assert growth(show) < 1 << 20
    assert emulator.last_error is None


@pytest.mark.parametrize("start", ["", "\x1b", "\x1b[", "\x1b[3", "\x1b(", "\x1b]", "\x1bP", "\x1b_G", "\x1b^"])
@given(st.data())
def test_the_pieces_of_a_sequence_are_as_the_whole(start: str, data: st.DataObject) -> None:
    """A sequence that goes on is not parsed again with each piece, and controls inside it act once."""
    characters = "0;:?<> !m\n\r\b\x00\x07\x18\x1a\x1b\\[]P\x7f\x9b\xa0éq"
    text = start + data.draw(st.text(characters, max_size=30)) + "é"
    whole, parts = Emulator(20, 4), Emulator(20, 4)
    whole.feed(text.encode())
    left = text.encode()
    while left:
        size = data.draw(st.integers(1, 9))
        parts.feed(left[:size])
        left = left[size:]
    assert state(parts) == state(whole)
