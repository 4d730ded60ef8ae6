"""Pens and cells are remembered, so that most of them are made once; and no more of them than some thousands."""

from __future__ import annotations

import gc
import random
import tracemalloc

import pytest

from sesh.vt import cell
from sesh.vt.emulator import Emulator


def remembered() -> int:
    """What the caches of all pens hold."""
    pens = [*cell._pens.values(), *cell._linked.values()]
    return sum(len(pen) + len(pen.after_sgr) for pen in pens)


def test_colours_and_characters_in_all_combinations_are_not_all_remembered() -> None:
    emulator, dice = Emulator(80, 24), random.Random(1)
    most = 0
    for _ in range(40):
        words = [
            f"\x1b[{dice.randrange(24) + 1};1H\x1b[38;5;{dice.randrange(256)}m\x1b[48;5;{dice.randrange(256)}m"
            + "".join(chr(0x4E00 + dice.randrange(4000)) for _ in range(30))
            for _ in range(60)
        ]
        for word in words:
            emulator.feed(word.encode())
            assert emulator.screen.buffer  # makes cells of the text
        most = max(most, remembered())
    assert cell.ENTRIES / 2 < most <= cell.ENTRIES
    assert len(cell._pens) <= cell.PENS


def test_links_that_come_once_are_not_remembered_for_long() -> None:
    emulator = Emulator(80, 24)
    for number in range(1000):
        emulator.feed(b"\x1b]8;;https://example.org/%d\x1b\\\x1b[1;34mlink\x1b[m\x1b]8;;\x1b\\\r\n" % number)
    assert len(cell._linked) <= cell.LINKED
    assert [link for _, link in links(emulator)] == [f";https://example.org/{number}" for number in range(977, 1000)]


def links(emulator: Emulator) -> list[tuple[str, str]]:
    """The first cell and the link of each row that has one."""
    return [(row[0].data, row[0].link) for row in emulator.screen.buffer if row[0].link]


def light_output(lines: range) -> list[bytes]:
    """Lines as a build or a shell with integration writes them, a block each."""
    return [
        b"\x1b]133;D;0\x07\x1b]133;A\x07\x1b]0;title %07d\x07"
        b"\x1b[3%d;1m%07d\x1b[m \x1b[38;5;%dmtext\x1b[48;2;%d;90;30m more"
        b"\x1b[m \x1b]8;;https://example.org/%07d\x1b\\link\x1b]8;;\x1b\\ %s\r\n"
        % (n, n % 8, n, n % 256, n % 64, n, chr(0x4E00 + n % 500).encode())
        for n in lines
    ]


@pytest.mark.thorough  # the memory of caches, at the pace of tracemalloc
def test_light_output_takes_no_more_memory_once_the_scrollback_is_full() -> None:
    """By the bytes that Python holds after equal amounts of output."""
    part = 6 * cell.LINKED  # the caches are as full after each
    tracemalloc.start()
    try:
        emulator = Emulator(80, 24)
        emulator.screen.scrollback.max_lines = 300
        held = []
        for begin in range(0, 3 * part, part):
            for block in light_output(range(begin, begin + part)):
                emulator.feed(block)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[2] < held[1] * 1.01
