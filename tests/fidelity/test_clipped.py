"""A terminal of another size shows a clipped picture of the session's screen."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sesh.vt.render.viewport import Viewport
from tests.fidelity.dialect import Dialect, stream
from tests.fidelity.xterm import BLANK, Xterm, forget_pens_of_leftovers, seen
from tests.support import rounds

SIZES = ((8, 3), (20, 2), (5, 9), (40, 12), (1, 1), (2, 4), (13, 5))


def clipped(rows: list[list[Any]], view: Viewport) -> list[list[Any]]:
    """Return the part in `view`, with blanks for cells outside and cut wide characters."""
    out = []
    for row in rows[view.top : view.top + view.rows]:
        cells = [list(cell) for cell in row[view.left : view.left + view.columns]]
        end = view.left + len(cells)
        if cells and cells[0][0] == "":
            cells[0][0] = " "
        if end < len(row) and row[end][0] == "":
            cells[-1][0] = " "
        out.append(cells + [BLANK] * (view.columns - len(cells)))
    return out + [[BLANK] * view.columns for _ in range(view.rows - len(out))]


@pytest.mark.parametrize("batch", range(3))
def test_random_streams_are_shown_clipped(xterm: Xterm, batch: int) -> None:
    for seed in range(batch * 60, batch * 60 + rounds(7, 60)):
        rng = random.Random(seed)
        columns, rows = rng.choice(SIZES)
        dialect = Dialect(20, 5)
        view = Viewport(columns, rows)
        data = drawn = b""
        for _ in range(4):
            data += stream(rng, 12, dialect)
            drawn += view.update(dialect.emulator)
        # xterm.js has at least two columns, so a view of one column is narrower than its terminal.
        there = seen(xterm.hold(20, 5, data), dialect)
        here = seen(xterm.hold(max(columns, 2), rows, drawn), dialect)
        shown = [row[:columns] for row in here["alternate"] or here["screen"]]
        expected = clipped(there["alternate"] or there["screen"], view)
        if dialect.leftovers and dialect.moved:  # the blanks at the edge, too
            forget_pens_of_leftovers([{"cells": row} for row in expected], anywhere=True)
        assert shown == expected, seed
        row, column = there["cursor"]
        assert here["cursor"] == [row - view.top, min(column, 19) - view.left], seed
        for part in ("hidden", "keypad", "encoding"):
            assert here[part] == there[part], (seed, part)
        assert here["modes"]["mouseTrackingMode"] == "none", seed
        for mode in ("applicationCursorKeysMode", "bracketedPasteMode", "sendFocusMode"):
            assert here["modes"][mode] == there["modes"][mode], (seed, mode)
