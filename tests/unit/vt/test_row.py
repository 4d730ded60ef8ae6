"""Rows are text for who writes and cells for who reads: that never shows."""

from __future__ import annotations

import random

import pytest

from sesh.vt.emulator import Emulator
from sesh.vt.screen import Screen
from tests.support.scale import rounds
from tests.unit.vt.streams import piece
from tests.unit.vt.test_fast_path import SCRIPTS

SIZES = ((2, 3), (5, 2), (10, 4), (20, 5), (80, 24))


BETWEEN = (
    "", "\x1b[31m", "\x1b[1m\x1b[4m", "\x1b(B\x1b[m", "\x1b(B", "\x1b(0", "\x1b[K", "\x1b[44m", "\x1b[m", "\x1b[2;3H",
    "\r\n",
)  # fmt: skip
WORDS = ("a", "bcd", " ", "é", "│─", "qx", "~word")


def pieces(rng: random.Random) -> list[bytes]:
    """Words of all scripts, text in many pens, and everything else."""
    out = []
    words = rng.random() * 0.8
    for _ in range(rng.randint(5, 120)):
        if rng.random() < 0.1:
            chosen = (*WORDS, rng.choice(SCRIPTS))
            run = [rng.choice(BETWEEN) + rng.choice(chosen) for _ in range(rng.randint(2, 25))]
            out.append("".join(run).encode())
        elif rng.random() < words:
            out.append("".join(rng.choices((*SCRIPTS, "ab cd", " "), k=rng.randint(1, 9))).encode())
        else:
            out.append(piece(rng))
    return out


def fed(size: tuple[int, int], stream: list[bytes], *, cells: bool) -> Emulator:
    """`cells`: all rows are made rows of cells before each piece."""
    emulator = Emulator(*size)
    for each in stream:
        if cells:
            for y in range(emulator.rows):
                emulator.screen.own_row(y)
        emulator.feed(each)
    assert emulator.errors == 0, emulator.last_error
    return emulator


def test_rows_of_text_and_rows_of_cells_come_out_the_same() -> None:
    for seed in range(rounds(30, 150)):
        rng = random.Random(seed)
        size, stream = rng.choice(SIZES), pieces(rng)
        assert fed(size, stream, cells=False).state() == fed(size, stream, cells=True).state(), seed


def test_after_thousands_of_graphemes_text_is_as_quick_and_as_right_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all stand-ins were taken, all other graphemes were printed one by one, for as long as the session lived."""
    letters = [chr(code) for code in range(0x915, 0x93A)]
    words = [a + "\u094d" + b + mark for a in letters for b in letters for mark in ("", "\u0940", "\u0941")]
    hidden, busy = Emulator(20, 2), Emulator(20, 2)
    for each in (hidden, busy):
        each.feed("e\u0301 क\u094dष \x1b[2HA\u0308\x1b[?47hx\u0301\x1b[?47l".encode())
    before = hidden.state()
    joined = 0
    print_joining = Screen._print_joining

    def counted(screen: Screen, char: str) -> None:
        nonlocal joined
        joined += 1
        print_joining(screen, char)

    monkeypatch.setattr(Screen, "_print_joining", counted)
    busy.feed(b"\x1b[?1049h")
    for start in range(0, len(words), 3):
        busy.feed(("\x1b[H\x1b[K" + " ".join(words[start : start + 3])).encode())
    assert joined == 0
    assert busy.text()[0] == " ".join(words[-(len(words) % 3 or 3) :])
    busy.feed(b"\x1b[?1049l")
    assert busy.text() == hidden.text() == ["e\u0301 क\u094dष", "A\u0308"]
    assert hidden.state() == before


@pytest.mark.parametrize("pen", ["", "\x1b[31m"])
def test_a_spacer_of_another_pen_leaves_no_sgr_in_its_line(pen: str) -> None:
    """What wrapping leaves in the last column is no part of the line: its SGR came into the scrollback without it."""
    emulator = Emulator(6, 3)
    emulator.feed(f"{pen}ab\x1b[0;1;44m中\x1b[m".encode())
    emulator.resize(3, 3)
    emulator.feed(f"\x1b[H{pen}X\x1b[m\x1b[3;1H\n\n\n".encode())
    assert emulator.scrollback.last(9)[0] == f"{pen.replace('[', '[0;')}Xb\x1b[0;1;44m中"
