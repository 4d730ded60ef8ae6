"""xterm.js shows the same after a replay as after the bytes themselves.

Random streams use what both implement; `dialect` names the rest, which is left out. Each stream goes on after the
replay: what does not show in a state (a saved cursor, tab stops, an open grapheme) shows in what comes next.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay
from tests.fidelity.dialect import Dialect, stream
from tests.fidelity.features import EXPLAINED, FEATURES
from tests.fidelity.xterm import Xterm, seen
from tests.support import rounds

ALL = 10**9


def opening(seed: int) -> tuple[random.Random, Dialect, bytes]:
    """Return the generator, the dialect and the first bytes of random stream `seed`."""
    rng = random.Random(seed)
    columns, rows = rng.choice(((20, 5), (10, 4), (7, 3), (30, 6)))
    dialect = Dialect(columns, rows, widths=rng.choice(("15-graphemes", "15-graphemes", "11")))
    return rng, dialect, stream(rng, rng.choice((10, 30, 60)), dialect)


def differing(xterm: Xterm, seed: int, left_out: Counter[str] | None = None) -> list[str]:
    """Return what differs in random stream `seed`, right after the replay or a little later.

    `left_out`: a counter that gets the elements left out of the stream, by name, if nothing differs.
    """
    rng, dialect, data = opening(seed)
    columns, rows = dialect.emulator.columns, dialect.emulator.height
    emulator = Emulator(columns, rows)
    emulator.feed(data)
    restored = replay(emulator, lines=ALL)
    for goes_on in (False, True):
        dialect.after_replay = goes_on
        more = stream(rng, 10, dialect) if goes_on else b""
        there = seen(xterm.hold(columns, rows, data, more, widths=dialect.widths), dialect)
        here = seen(xterm.hold(columns, rows, restored, more, widths=dialect.widths), dialect)
        parts = [part for part in there if there[part] != here[part]]
        if parts:
            return parts
    if left_out is not None:
        left_out.update(dialect.left_out)
    return []


@pytest.mark.parametrize("batch", range(10))
def test_random_streams_come_back_the_same(xterm: Xterm, batch: int) -> None:
    for seed in range(batch * 100, batch * 100 + rounds(4, 100)):
        assert not differing(xterm, seed), seed


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_comes_back(xterm: Xterm, name: str) -> None:
    if name not in EXPLAINED:
        assert not FEATURES[name].differing(xterm)


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_feature_that_the_other_emulator_lacks_comes_back_on_our_own(name: str) -> None:
    assert not FEATURES[name].differing_here()
