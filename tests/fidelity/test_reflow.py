"""A resize wraps lines as an independent emulator does; scrollback fits any width."""

from __future__ import annotations

import random

import pytest

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay
from tests.fidelity.xterm import Xterm, seen
from tests.support import rounds

ALL = 10**9
#: Text that both wrap alike: xterm.js keeps blanks at a line's end, and the gaps that wide characters leave in a row.
NARROW = (
    "a",
    "hello,",
    "x" * 30,
    "é",
    "e\u0301",
    "\x1b[31m",
    "\x1b[4m",
    "\x1b[m",
    "words of text.",
    *["\x1b[m\r\n"] * 3,
)
LINES = (*NARROW, "中文", "中", "👩", "\x1b]8;;http://x/\x07link\x1b]8;;\x07", "\x1b[1;34mblue\x1b[m", "  ")
WIDTHS, HEIGHTS = (3, 5, 7, 10, 20, 33), (2, 4, 5, 9)


def resized(data: bytes, columns: int, rows: int, *sizes: tuple[int, int]) -> bytes:
    """Return what an attach shows of `data` after resizes to `sizes` in turn."""
    emulator = Emulator(columns, rows)
    emulator.feed(data)
    for size in sizes:
        emulator.resize(*size)
    return replay(emulator, lines=ALL)


@pytest.mark.parametrize("batch", range(4))
def test_lines_wrap_anew_as_in_another_emulator(xterm: Xterm, batch: int) -> None:
    for seed in range(batch * 100, batch * 100 + rounds(10, 100)):
        rng = random.Random(seed)
        columns, rows = rng.choice(((20, 5), (10, 4), (30, 8)))
        data = "".join(rng.choice(NARROW) for _ in range(rng.choice((3, 10, 40)))).encode() + b"\x1b[mend"
        size = rng.choice(WIDTHS), rng.choice(HEIGHTS)
        there = seen(xterm.hold(columns, rows, data, size))
        here = seen(xterm.hold(*size, resized(data, columns, rows, size)))
        assert [here[part] for part in ("screen", "lines")] == [there[part] for part in ("screen", "lines")], seed


@pytest.mark.parametrize("batch", range(4))
def test_what_scrolled_off_comes_at_the_width_of_whoever_attaches(xterm: Xterm, batch: int) -> None:
    """Colours, links, wide characters: as if the terminal had had this width from the start."""
    for seed in range(batch * 100, batch * 100 + rounds(10, 100)):
        rng = random.Random(seed)
        data = "".join(rng.choice(LINES) for _ in range(rng.choice((10, 60, 200)))).encode() + b"\x1b[mend"
        sizes = [(rng.choice(WIDTHS), rng.choice(HEIGHTS)) for _ in range(rng.randint(1, 3))]
        there = seen(xterm.hold(*sizes[-1], data, widths="11"))
        here = seen(xterm.hold(*sizes[-1], resized(data, 20, 5, *sizes), widths="11"))
        assert here["lines"] == there["lines"], seed


def test_the_cursor_stays_on_its_character() -> None:
    """As in kitty; xterm.js clips the column and leaves the character."""
    for width in range(2, 40):
        emulator = Emulator(20, 6)
        emulator.feed(b"first line\r\n" + bytes(range(97, 123)) + b"\x1b[3;4H")
        assert emulator.screen.rows[2].text[3] == "x"
        emulator.resize(width, 6)
        row, column = emulator.cursor
        assert emulator.screen.rows[row].text[column] == "x", width


def test_the_alternate_screen_is_left_to_the_program() -> None:
    emulator = Emulator(20, 4)
    emulator.feed(b"shell " * 9 + b"\x1b[?1049h\x1b[Habcdefghij\r\n\n\nlast")
    emulator.resize(6, 3)
    assert emulator.text() == ["abcdef", "", ""]
    emulator.feed(b"\x1b[?1049l")
    assert "".join(emulator.last_lines(99)) == ("shell " * 9).rstrip()
