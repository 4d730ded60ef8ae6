"""Samples of many contenders, what they come to, and how they are told: a table, JSON, Markdown."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Samples = dict[str, list[float]]
Take = Callable[[], float]

OURS = "sesh"
PEERS = ("tmux", "screen", "dtach")
EMULATORS = ("pyte", "pyghostty", "avt")


@dataclass
class Row:
    """One thing measured. `goal` gives, from the medians by contender, what sesh is to reach; `said` says it."""

    key: str
    title: str
    unit: str
    higher: bool = False
    said: str = ""
    goal: Callable[[dict[str, float]], float | None] | None = None
    samples: Samples = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, contender: str, value: float) -> None:
        """Takes one sample."""
        self.samples.setdefault(contender, []).append(value)

    @property
    def medians(self) -> dict[str, float]:
        """By contender."""
        return {name: statistics.median(values) for name, values in self.samples.items() if values}

    def spread(self, contender: str) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        values = self.samples[contender]
        if len(values) < 4 or not statistics.median(values):
            return 0.0
        low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2 / statistics.median(values)

    def beside_best(self) -> float | None:
        """sesh's figure over the best peer's; None where one of them is missing."""
        medians = self.medians
        peers = [medians[name] for name in PEERS if name in medians]
        if OURS not in medians or not peers:
            return None
        best = max(peers) if self.higher else min(peers)
        return medians[OURS] / best if best else None

    def beside_goal(self) -> float | None:
        """sesh's figure over its goal."""
        medians = self.medians
        if self.goal is None or OURS not in medians:
            return None
        try:
            goal = self.goal(medians)
        except KeyError:
            return None
        if not goal:
            return None if goal is None else (1.0 if medians[OURS] <= 0 else float("inf"))
        return medians[OURS] / goal

    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        ratio = self.beside_goal()
        if ratio is None:
            return None
        return ratio >= 1 if self.higher else ratio <= 1


def interleaved(
    row: Row,
    takes: Mapping[str, Take],
    rounds: int,
    log: Callable[[str], None],
    seconds: float = math.inf,
    least: int = 2,
) -> None:
    """Takes samples in turns, one contender after the other in each round; who fails twice is left out.

    `seconds`: after so many no further round begins, once there were `least`. A busy machine gets fewer; that is noted.
    """
    failures = dict.fromkeys(takes, 0)
    began = time.monotonic()
    for turn in range(rounds):
        if turn >= least and time.monotonic() - began > seconds:
            row.notes.append(f"{turn} rounds of {rounds}: time was up")
            break
        for name, take in takes.items():
            if failures[name] > 1:
                continue
            try:
                row.add(name, take())
            except Exception as error:
                failures[name] += 1
                row.notes.append(f"{name}: {error}")
                log(f"    {name}: {error}")


def machine() -> dict[str, str]:
    """What the figures were taken on: no host name, no path."""
    model = platform.processor() or platform.machine()
    memory = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
        with open("/proc/meminfo", encoding="utf-8") as file:
            memory = f"{int(file.readline().split()[1]) / (1 << 20):.0f} GiB"
    except OSError:
        pass
    return {
        "cpu": model,
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": memory,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def as_json(rows: Iterable[Row], facts: dict[str, object]) -> str:
    """All samples and what they come to."""
    entries = [
        {
            "key": row.key,
            "title": row.title,
            "unit": row.unit,
            "better": "higher" if row.higher else "lower",
            "goal": row.said,
            "median": {name: round(value, 4) for name, value in row.medians.items()},
            "spread": {name: round(row.spread(name), 3) for name in row.samples},
            "ratio_to_best_peer": _rounded(row.beside_best()),
            "ratio_to_goal": _rounded(row.beside_goal()),
            "met": row.met(),
            "notes": sorted(set(row.notes)),
            "samples": {name: [round(value, 4) for value in values] for name, values in row.samples.items()},
        }
        for row in rows
    ]
    return json.dumps({**facts, "rows": entries}, indent=1) + "\n"


def _rounded(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else round(value, 3)


def as_table(rows: Iterable[Row], *, markdown: bool = False) -> str:
    """A line for each row: medians (with their spread), the ratio to the best peer, the goal and whether it is met."""
    names = ["plain", "bare", "relay", *reversed(PEERS), *EMULATORS, OURS]
    rows = list(rows)
    names = [name for name in names if any(name in row.samples for row in rows)]
    lines = [["", *names, "to best peer", "goal", "to goal", "met"]]
    for row in rows:
        medians = row.medians
        cells = [_figure(row, name) if name in medians else "-" for name in names]
        best, goal = row.beside_best(), row.beside_goal()
        met = row.met()
        lines.append([
            f"{row.title}, {row.unit}" if row.unit else row.title,
            *cells,
            "-" if best is None else f"{best:.2f}",
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


def _figure(row: Row, name: str) -> str:
    value = row.medians[name]
    shown = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    spread = row.spread(name)
    return f"{shown} ±{spread:.0%}" if spread >= 0.005 else shown
