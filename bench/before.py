"""Figures of a run beside those that stand in a document: which rows became slower.

Absolute figures of two runs cannot be compared: the machine is another one, or does other work. So each figure is
taken as a multiple of a yardstick that is measured in the same run (the interpreter alone, a relay, a peer of the same
version), and these multiples are compared. Memory is compared as it is.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from typing import NamedTuple

from bench.figures import OURS, Row
from bench.tables import Figure, Past, figure

YARDSTICKS = (("bare",), ("relay",), ("dtach", "tmux", "screen", "plain"), ("pyte",))
"""Contenders to compare with. A row takes the first group of which it has figures, and the steadiest contender of that
group. Python comes first, because a busy machine slows it down like sesh."""
LEAST = 0.15
"""The least loss, as a share of the figure, that is reported."""
CERTAIN = 2.0
"""A loss is reported only if it is this multiple of the spread of all four figures. The median of a few samples may be
off by more than half the distance between the quartiles."""


class Change(NamedTuple):
    """How a row has changed. `ratio`: how many times worse it is beside a yardstick; `noise`: the part of that by
    chance."""

    row: Row
    yardstick: str
    before: float
    ratio: float
    noise: float

    @property
    def slower(self) -> bool:
        """True if more was lost than noise explains."""
        return self.ratio > 1 + max(LEAST, self.noise)

    @property
    def faster(self) -> bool:
        """True if more was gained than noise explains."""
        return self.ratio < 1 / (1 + max(LEAST, self.noise))

    def __str__(self) -> str:
        figures = f"{figure(self.row.medians[OURS])}, was {figure(self.before)}"
        beside = f" beside {self.yardstick}" if self.yardstick else ""
        return f"{self.row.name}: {figures}; {self.ratio:.2f} times worse{beside}, noise {self.noise:.0%}"


def compared(rows: Iterable[Row], past: Past, unlike: Container[str] = ()) -> list[Change]:
    """Returns the change of each row that was measured then and now.

    `unlike`: contenders that are no yardsticks, because their version has changed.
    """
    rows = list(rows)
    start = _start(rows, past)
    yardsticks = [[name for name in names if name not in unlike] for names in YARDSTICKS]
    changes = (_change(row, past[row.name], yardsticks, start) for row in rows if row.name in past)
    return [change for change in changes if change]


def report(changes: list[Change], document: str) -> str:
    """Returns a line for each row that became slower, and a line with the counts."""
    slower = [change for change in changes if change.slower]
    faster = [change for change in changes if change.faster]
    lines = [f"slower: {change}" for change in sorted(slower, key=lambda change: -change.ratio)]
    lines.append(
        f"compared with {document}: {len(changes)} figures, {len(slower)} slower and {len(faster)} faster beyond noise"
    )
    return "".join(f"{line}\n" for line in lines)


def _change(
    row: Row, then: dict[str, Figure], yardsticks: list[list[str]], start: tuple[Figure, Figure] | None
) -> Change | None:
    """Returns the change of a row beside the first yardstick that was measured then and now.

    A time or a speed without a yardstick is compared with the interpreter's `start`. That is a time: it doubles on a
    machine that is half as fast.
    """
    if OURS not in row.samples or OURS not in then:
        return None
    ours, before = _now(row, OURS), then[OURS]
    if row.unit == "MiB":
        return _by(row, "", before, 1.0, (ours, before))
    for names in yardsticks:
        known = [name for name in names if row.medians.get(name, 0.0) > 0 and name in then and then[name].median > 0]
        changes = [
            _by(row, name, before, row.medians[name] / then[name].median, (ours, before, _now(row, name), then[name]))
            for name in known
        ]
        if changes:
            return min(changes, key=lambda change: change.noise)
    if not start or row.unit not in ("ms", "MB/s"):
        return None
    pace = start[0].median / start[1].median
    return _by(row, "bare", before, 1 / pace if row.higher else pace, (ours, before, *start))


def _by(row: Row, yardstick: str, before: Figure, pace: float, figures: tuple[Figure, ...]) -> Change:
    """Returns the change of a row if its old figure is expected to be `pace` times as large in this run."""
    now, expected = row.medians[OURS], before.median * pace
    worse, better = (expected, now) if row.higher else (now, expected)
    ratio = 1.0 if worse == better else worse / better if better > 0 else math.inf
    return Change(row, yardstick, before.median, ratio, CERTAIN * math.hypot(*(spread for _, spread in figures)))


def _now(row: Row, name: str) -> Figure:
    return Figure(row.medians[name], row.spread(name))


def _start(rows: list[Row], past: Past) -> tuple[Figure, Figure] | None:
    """The time that the interpreter alone took to start, now and then."""
    for row in rows:
        then = past.get(row.name, {})
        if "bare" in row.samples and "bare" in then and row.unit == "ms" and then["bare"].median > 0:
            return _now(row, "bare"), then["bare"]
    return None
