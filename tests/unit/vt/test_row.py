"""Rows are text for who writes and cells for who reads: that never shows."""

from __future__ import annotations

import random

import pytest

from sesh.vt import cell, graphemes
from sesh.vt.emulator import Emulator
from sesh.vt.row import Row
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


def test_where_no_stand_in_is_left_graphemes_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [(rng.choice(SIZES), pieces(rng)) for rng in map(random.Random, range(rounds(30, 60)))]
    states = [fed(*each, cells=False).state() for each in streams]
    monkeypatch.setattr(graphemes, "_stand_ins", {"": graphemes.STUB})
    monkeypatch.setattr(graphemes, "STAND_INS", 1)
    monkeypatch.setattr(graphemes, "_layouts", graphemes._Known(graphemes._laid_out, 4096))
    assert not graphemes.character("e\u0301")
    assert [fed(*each, cells=False).state() for each in streams] == states


def test_a_stand_in_is_made_once_and_only_so_many_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphemes, "_stand_ins", {"": graphemes.STUB})
    monkeypatch.setattr(graphemes, "GRAPHEMES", {graphemes.STUB: ""})
    monkeypatch.setattr(graphemes, "_next", {True: 0xD800, False: 0xDC00})
    made = [graphemes.character(f"a\u0301{chr(0x4E00 + number)}") for number in range(3000)]
    assert len(set(made)) == graphemes.STAND_INS  # those, and that there is none
    assert graphemes.character("a\u0301\u4e00") == made[0]
    assert graphemes.expanded(f"x{made[1]}y") == "xa\u0301\u4e01y"


def test_text_in_any_script_makes_no_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator(20, 4)
    emulator.feed("\x1b[32mé 中文\x1b[m e\u0301 👩\u200d💻".encode())  # what is remembered of the pens
    made = 0
    settle = Row.settle

    def counted(row: Row) -> None:
        nonlocal made
        made += row.stale
        settle(row)

    monkeypatch.setattr(Row, "settle", counted)
    monkeypatch.setattr(cell.Encoder, "cells", None)
    line = (
        "\x1b[1;1H\x1b[Kplain é\x1b[32m中文 한국어\x1b[m \x1b[2;3He\u0301 👩\u200d💻 🇫🇷 क्षेत्र ─│ \x1b[3;1H"
        + "中" * 30
        + "\r\n"
    )
    emulator.feed(line.encode() * 50)
    assert (emulator.errors, made) == (0, 0)
    assert emulator.scrolled > 20


@pytest.mark.parametrize("pen", ["", "\x1b[31m"])
def test_a_spacer_of_another_pen_leaves_no_sgr_in_its_line(pen: str) -> None:
    """What wrapping leaves in the last column is no part of the line: its SGR came into the scrollback without it."""
    emulator = Emulator(6, 3)
    emulator.feed(f"{pen}ab\x1b[0;1;44m中\x1b[m".encode())
    emulator.resize(3, 3)
    emulator.feed(f"\x1b[H{pen}X\x1b[m\x1b[3;1H\n\n\n".encode())
    assert emulator.scrollback.last(9)[0] == f"{pen.replace('[', '[0;')}Xb\x1b[0;1;44m中"
