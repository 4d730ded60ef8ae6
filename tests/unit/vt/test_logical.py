"""A resize joins and cuts rows as text: that never shows, and it makes neither cells nor pens."""

from __future__ import annotations

import random

import pytest

from sesh.vt import cell, reflow
from sesh.vt.cell import decode
from sesh.vt.emulator import Emulator
from sesh.vt.logical import LogicalLine, decoded, joined, of_cells
from sesh.vt.marks import Mark
from sesh.vt.render.export import screen_data
from sesh.vt.render.replay import replay
from sesh.vt.row import Row, row_of
from tests.support.scale import rounds
from tests.unit.vt.test_row import SIZES, pieces

COLOURED = (
    "".join(
        f"\x1b[{y + 1}H" + "".join(f"\x1b[38;2;{x};{y};7m{'x▀'[x % 2]}" for x in range(60)) for y in range(20)
    ).encode()
    + b"\x1b[m\x1b[20;1H"
)
"""A screen of 60 columns by 20 rows with a colour in each cell."""


def line_of_cells(self: Row, *, trimmed: bool = False) -> LogicalLine:
    """`Row.line`, from cells."""
    self.settle()
    return of_cells(self.trimmed() if trimmed else self)


def decoded_as_cells(text: str, marks: list[Mark]) -> LogicalLine:
    """`decoded`, from cells."""
    return of_cells(decode(text, marks))


def resized(seed: int) -> list[object]:
    """What random output is like after each of random sizes."""
    rng = random.Random(seed)
    emulator = Emulator(*rng.choice(SIZES), max_lines=rng.choice((0, 3, 500)))
    seen: list[object] = []
    for each in pieces(rng):
        emulator.feed(each)
        if rng.random() < 0.1:
            emulator.resize(rng.randint(1, 25), rng.randint(1, 8))
            seen += [emulator.state(), replay(emulator), emulator.text(), emulator.last_lines(5, ansi=True)]
    assert emulator.errors == 0, emulator.last_error
    return seen


def test_lines_of_text_and_lines_of_cells_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [resized(seed) for seed in range(rounds(40, 200))]
    monkeypatch.setattr(Row, "line", line_of_cells)
    monkeypatch.setattr(reflow, "decoded", decoded_as_cells)
    assert [resized(seed) for seed in range(rounds(40, 200))] == seen


def test_a_resize_and_a_replay_make_neither_cells_nor_pens(monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Emulator(60, 20)
    emulator.feed(COLOURED)
    monkeypatch.setattr("sesh.vt.row.pen_of_sequence", None)
    monkeypatch.setattr(Row, "settle", None)
    monkeypatch.setattr(cell.Encoder, "cells", None)
    for columns in (25, 60, 12, 90, 60):
        emulator.resize(columns, 20)
        replay(emulator)
    emulator.feed(b"\x1b[?1049h" + COLOURED)
    emulator.resize(30, 10)
    emulator.state()
    assert emulator.errors == 0
    monkeypatch.undo()
    emulator.feed(b"\x1b[?1049l")
    emulator.resize(60, 20)
    expected = Emulator(60, 20)
    expected.feed(COLOURED)
    assert emulator.last_lines(20, ansi=True) == expected.last_lines(20, ansi=True)


def test_a_cropped_row_leaves_the_row_that_it_was_made_of() -> None:
    emulator = Emulator(6, 4)
    emulator.feed(b"\x1b[?1049h\x1b[31ma\x1b[23b")  # full rows of one character are one shared row
    emulator.resize(6, 3)
    emulator.feed(b"\x1b[H\x1b[32mbc\x1b[2;2H\x1b[44md")
    again = Emulator(6, 3)
    again.feed(b"\x1b[31ma\x1b[17b")
    assert again.screen.rows[1].encoded() == "\x1b[0;31maaaaaa"
    assert [each.encoded() for each in emulator.screen.rows] == [
        "\x1b[0;32mbc\x1b[0;31maaaa",
        "\x1b[0;31ma\x1b[0;32;44md\x1b[0;31maaaa",
        "\x1b[0;31maaaaaa",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "plain", "", "é中 한국어", "\x1b[0;31mred\x1b[m plain", "\x1b[0;48;2;1;2;3m  \x1b[0;38;5;9ma中b",
        "e\u0301x", "\x1b[0;1m\u0301", "👩\u200d💻\x1b[0;31m🇫🇷", "\x1b]8;;u\x1b\\\x1b[0;31mlink\x1b]8;;\x1b\\ no",
        "\x1b]133;A\x1b\\$ \x1b]133;B\x1b\\ls", "\x1b[31mred\x1b[1mbold", "\x1b[?2027hक्ष\x1b[?2027l", "⌚\ufe0e⌚",
    ],
)  # fmt: skip
def test_a_line_holds_the_cells_of_its_text(text: str) -> None:
    marks: list[Mark] = []
    expected: list[Mark] = []
    line, cells = decoded(text, marks), decode(text, expected)
    assert (line.cells(), marks) == (cells, expected)
    assert line.encoded() == cell.encode(cells)
    for start in range(len(cells)):
        assert joined([line.cut(0, start), line.cut(start, len(cells))]).cells() == cells
        assert joined([line.cut(0, start), of_cells(cells[start:])]).cells() == cells
        assert (line.grapheme(start), line.pen(start)) == (cells[start].data, cells[start].pen)
    assert line.trimmed().cells() == of_cells(cells).trimmed().cells()
    assert line.is_blank() == of_cells(cells).is_blank()


def test_a_blank_line_in_any_background_is_blank() -> None:
    assert decoded("\x1b[0;41m \x1b[0;107m \x1b[0;48;5;7m \x1b[0;48;2;1;2;3m \x1b[m ", []).is_blank()
    assert not decoded("\x1b[0;4m \x1b[0;41m ", []).is_blank()
    assert not decoded("\x1b[0;41m x", []).is_blank()


def test_runs_of_one_style_are_one_run_though_it_has_two_pens() -> None:
    """A style gets another pen once the cache of pens was emptied."""
    emulator = Emulator(4, 1)
    red = cell.Style(fg="1")
    emulator.screen.rows[0] = row_of(LogicalLine("abcd", [cell.Pen(red), cell.Pen(red)] * 2), 4)
    assert screen_data(emulator)["cells"] == [[{"column": 0, "width": 4, "text": "abcd", "fg": 1}]]
