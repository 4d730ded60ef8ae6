"""Recorded streams of programs, cut at several points, come back from a replay unchanged."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from sesh.vt.render.replay import repainting, replay
from tests.fidelity.dialect import Dialect
from tests.fidelity.xterm import Xterm, seen
from tests.support import rounds
from tests.unit.vt.streams import essence, fed

STREAMS = sorted((Path(__file__).parent / "streams").glob("*.bin"), key=lambda path: path.name)
COLUMNS, ROWS = 80, 24


def cuts(data: bytes, count: int) -> list[int]:
    """The end, and some points before it."""
    rng = random.Random(len(data))
    return sorted({len(data), *(rng.randint(1, len(data)) for _ in range(count))})


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_programs_screen_comes_back(path: Path) -> None:
    data = path.read_bytes()
    for end in cuts(data, rounds(5, 40)):
        emulator = fed(data[:end], COLUMNS, ROWS)
        copy = fed(replay(emulator, lines=10**9), COLUMNS, ROWS)
        assert essence(copy) == essence(emulator), end
        copy.feed(data[end:])
        emulator.feed(data[end:])
        assert copy.text() == emulator.text()


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_repaint_changes_nothing_that_shows(path: Path) -> None:
    data = path.read_bytes()
    for end in cuts(data, rounds(5, 20)):
        emulator, client = fed(data[:end], COLUMNS, ROWS), fed(data[:end], COLUMNS, ROWS)
        client.feed(repainting(emulator, was_alternate=client.alternate, pushed=client.stacks).finish())
        assert client.text() == emulator.text()
        assert client.cursor == emulator.cursor
        assert client.screen.scrollback.count == emulator.screen.scrollback.count


def differing(xterm: Xterm, data: bytes) -> list[str]:
    """Return what xterm.js shows differently after a restore than after the bytes themselves."""
    dialect = Dialect(COLUMNS, ROWS)
    # In xterm.js, rows that are moved within the screen stay joined to the row that is now above them.
    dialect.loose = re.search(rb"\x1b\[[0-9;]*[LMST]|\x1bM", data) is not None
    there = seen(xterm.hold(COLUMNS, ROWS, data), dialect)
    here = seen(xterm.hold(COLUMNS, ROWS, replay(fed(data, COLUMNS, ROWS), lines=10**9)), dialect)
    return [part for part in there if there[part] != here[part]]


@pytest.mark.soak
@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_another_emulator_agrees(xterm: Xterm, path: Path) -> None:
    data = path.read_bytes()
    for end in cuts(data, rounds(3, 12)):
        assert not differing(xterm, data[:end]), end
