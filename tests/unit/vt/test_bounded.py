"""The cost of bytes is bounded: a call often looks at the clock."""

from __future__ import annotations

import tracemalloc

import pytest

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


@pytest.mark.parametrize(("character", "most"), [("x", 65536), ("\u0939", 16384)])
def test_saving_a_line_that_never_ends_is_bounded(character: str, most: int) -> None:
    """Storing such a line beyond ASCII blocked a session for a tenth of a second."""
    emulator = Emulator(80, 24, max_lines=10)
    emulator.feed(character.encode() * 200_000)
    assert len(emulator.settle().scrollback.open_rows) <= most // 80
    assert max(map(len, emulator.settle().scrollback.last(10))) <= most + 80


def test_a_replay_is_drawn_in_more_parts_where_its_lines_have_more_rows() -> None:
    lines = ["a line of text" * 4] * 200
    assert len(list(pieces([lines], 80))) <= 2
    assert all(len(part) * len(lines[0]) < 512 for part in pieces([lines], 1))


def test_titles_and_links_that_are_gone_take_no_memory() -> None:
    """They stayed in caches: a session grew by a MiB an hour."""
    emulator = Emulator(80, 24, max_lines=10)

    def show(numbers: range) -> None:
        for number in numbers:
            emulator.feed(f"\x1b]0;at {number}\a\x1b]8;;https://example.org/{number}\alink\x1b]8;;\a\r\n".encode())

    show(range(1100))  # afterwards the interpreter's own lists are full
    tracemalloc.start()
    try:
        show(range(1100, 2100))
        assert tracemalloc.get_traced_memory()[0] < 256 << 10
    finally:
        tracemalloc.stop()
