"""Writes all figures of a run as a table, as JSON and as Markdown; reads the figures of a table in a document."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from bench.figures import EMULATORS, OURS, PEERS, Row, Run, Standing

COLUMNS = ("plain", "bare", "relay", *reversed(PEERS), *EMULATORS, OURS)
"""The order of the contenders; others stand before sesh."""
_CELL = re.compile(r"(-?[\d.]+)(?: ±(\d+)%)?\Z")


class Figure(NamedTuple):
    """A median, and half the distance between the quartiles as a share of it."""

    median: float
    spread: float


Past = dict[str, dict[str, Figure]]
"""The figures of each contender in an earlier run, by the names of rows."""


def as_json(run: Run) -> str:
    """Returns all samples, their medians, and how these compare with peers and goals."""
    entries = []
    for row in run.rows:
        best = row.beside_best()
        entries.append({
            "key": row.key,
            "title": row.title,
            "unit": row.unit,
            "better": "higher" if row.higher else "lower",
            "goal": row.said,
            "median": {name: round(value, 4) for name, value in row.medians.items()},
            "spread": {name: round(row.spread(name), 3) for name in row.samples},
            "best_peer": best.other if best else None,
            "times_ahead_of_best_peer": _rounded(best.times if best else None),
            "ratio_to_goal": _rounded(row.beside_goal()),
            "met": row.met(),
            "notes": sorted(set(row.notes)),
            "samples": {name: [round(value, 4) for value in values] for name, values in row.samples.items()},
        })  # fmt: skip
    return json.dumps({**dataclasses.asdict(dataclasses.replace(run, rows=[])), "rows": entries}, indent=1) + "\n"


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else round(value, 3)


def as_table(rows: Iterable[Row], *, markdown: bool = False) -> str:
    """A line for each row: medians (with their spread), how far sesh is ahead of the best peer or behind it, the goal
    and whether it is met."""
    rows = list(rows)
    measured = dict.fromkeys(name for row in rows for name in row.samples)
    others = [name for name in measured if name not in COLUMNS]
    names = [name for name in (*COLUMNS[:-1], *others, OURS) if name in measured]
    lines = [["", *names, "beside the best peer", "goal", "to goal", "met"]]
    for row in rows:
        medians = row.medians
        cells = [_figure(row, name) if name in medians else "-" for name in names]
        best, goal, met = row.beside_best(), row.beside_goal(), row.met()
        lines.append([
            row.name,
            *cells,
            _verdict(best) if best else "-",
            row.said or "-",
            "-" if goal is None else f"{goal:.2f}",
            "-" if met is None else "yes" if met else "no",
        ])  # fmt: skip
    if markdown:
        lines.insert(1, ["---"] * len(lines[0]))
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def figure(value: float) -> str:
    """Returns a number with its significant digits."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def times(factor: float) -> str:
    """A factor of 1 or more, in words."""
    return "beyond measure" if math.isinf(factor) else f"{factor:.0f} x" if factor >= 9.5 else f"{factor:.1f} x"


def _figure(row: Row, name: str) -> str:
    shown, spread = figure(row.medians[name]), row.spread(name)
    return f"{shown} ±{spread:.0%}" if spread >= 0.005 else shown


def _verdict(standing: Standing) -> str:
    if not (standing.ahead or standing.behind):
        return f"even with {standing.other}"
    return f"{times(standing.factor)} {'better' if standing.ahead else 'worse'} than {standing.other}"


def read(text: str) -> Past:
    """Returns the figures of a table that `as_table` wrote as Markdown; none if the text has no such table."""
    past: Past = {}
    names: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) < 2:
            names = []
        elif not names:
            names = cells
        elif OURS in names and set(cells) != {"---"}:
            matches = {name: _CELL.match(cell) for name, cell in zip(names[1:], cells[1:], strict=False)}
            until = names.index(OURS)
            past[cells[0]] = {
                name: Figure(float(match[1]), int(match[2] or 0) / 100)
                for name, match in matches.items()
                if match and name in names[1 : until + 1]
            }
    return past
