"""Samples of many contenders, their medians, and how far sesh is ahead of another contender or behind it."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.window import Late

Samples = dict[str, list[float]]
Take = Callable[[], float]
Goal = Callable[[dict[str, float]], float | None]

OURS, OTHER = "sesh", "other"
"""The names of this checkout, and of another one that may be measured beside it."""
PEERS = ("tmux", "screen", "dtach")
EMULATORS = ("pyte", "pyghostty", "avt")
STARTS, ECHO, OUTPUT, MEMORY, REST, MANY = (
    "Starts", "A key and its echo", "Bursts and sustained output", "Memory", "At rest", "Many sessions",
)  # fmt: skip
LINES = (STARTS, ECHO, OUTPUT, MEMORY, REST, MANY)
"""Subjects, for each of which the summary has a line."""
EVEN = 1.05
"""Ratio up to which two figures are called even."""


class Standing(NamedTuple):
    """sesh compared with another contender. `times`: above 1, how far sesh is ahead; below 1, how far it is behind."""

    other: str
    times: float

    @property
    def ahead(self) -> bool:
        """True if sesh is better by more than counts as even."""
        return self.times > EVEN

    @property
    def behind(self) -> bool:
        """True if sesh is worse by more than counts as even."""
        return self.times < 1 / EVEN

    @property
    def factor(self) -> float:
        """The factor between both: 1 or more; infinite if one of them is 0."""
        if not self.times:
            return math.inf
        return max(self.times, 1 / self.times)


@dataclass(eq=False)
class Row:
    """One thing that is measured, with its samples by contender.

    `goal`: returns the figure that sesh has to reach, from the medians by contender; `said`: the goal in words. `line`:
    the line of the summary that has this row, under the name `short`. If rows share a `short`, the line has the range
    of their figures. A row without `short` is only in the table. `charted`: the row has a bar in the chart.
    """

    key: str
    title: str
    unit: str
    higher: bool = False
    said: str = ""
    goal: Goal | None = None
    samples: Samples = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    line: str = field(default="", kw_only=True)
    short: str = field(default="", kw_only=True)
    charted: bool = field(default=False, kw_only=True)

    def add(self, contender: str, value: float) -> None:
        self.samples.setdefault(contender, []).append(value)

    @property
    def name(self) -> str:
        """The title and the unit: the row's name in tables."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def medians(self) -> dict[str, float]:
        """The medians of the samples, by contender."""
        return {name: statistics.median(values) for name, values in self.samples.items() if values}

    def spread(self, contender: str) -> float:
        """Returns half the distance between the quartiles (or extremes, if up to three samples) as a share of the
        median."""
        values = self.samples[contender]
        if len(values) < 2 or not statistics.median(values):
            return 0.0
        low, high = min(values), max(values)
        if len(values) > 3:
            low, _, high = statistics.quantiles(values, n=4)
        return abs((high - low) / 2 / statistics.median(values))

    def beside(self, other: str) -> Standing | None:
        """Compares sesh with another contender; returns None if one of them was not measured."""
        medians = self.medians
        if OURS not in medians or other not in medians:
            return None
        ours, theirs = max(0.0, medians[OURS]), max(0.0, medians[other])
        if ours == theirs:
            return Standing(other, 1.0)
        good, bad = (ours, theirs) if self.higher else (theirs, ours)
        return Standing(other, good / bad if bad else math.inf)

    def beside_best(self) -> Standing | None:
        """Compares sesh with its best peer; returns None if sesh or every peer was not measured."""
        standings = [standing for name in (*PEERS, *EMULATORS) if (standing := self.beside(name))]
        return min(standings, key=lambda standing: standing.times, default=None)

    def beside_goal(self) -> float | None:
        """Returns sesh's figure divided by its goal; None if there is no goal, or what it is taken from was not
        measured."""
        medians = self.medians
        if self.goal is None or OURS not in medians:
            return None
        try:
            goal = self.goal(medians)
        except KeyError:
            return None
        if not goal:
            return None if goal is None else (1.0 if medians[OURS] <= 0 else math.inf)
        return medians[OURS] / goal

    def met(self) -> bool | None:
        """Returns whether the goal is met; None if there is no goal."""
        ratio = self.beside_goal()
        if ratio is None:
            return None
        return ratio >= 1 if self.higher else ratio <= 1


@dataclass
class Run:
    """The figures of one run of the benchmark, and its conditions. `failed`: the error of each part that failed."""

    machine: dict[str, str]
    versions: dict[str, str]
    missing: list[str]
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: int = 0

    @property
    def conditions(self) -> str:
        """The machine, the time that the run took, the versions, and the parts and peers that are missing."""
        facts = [f"{key} {value}" for key, value in self.machine.items() if value]
        text = f"{'; '.join(facts)}; one run of {self.seconds / 60:.0f} min. {', '.join(self.versions.values())}."
        if self.missing:
            text += f" Not installed: {', '.join(self.missing)}."
        if self.left_out:
            text += f" Left out, as time was up: {', '.join(self.left_out)}."
        return text


def interleaved(
    row: Row,
    takes: Mapping[str, Take],
    rounds: int,
    log: Callable[[str], None],
    seconds: float = math.inf,
    least: int = 2,
) -> None:
    """Takes samples in rounds, one contender after the other; a contender that fails twice is left out.

    `seconds`: the time after which no round begins, except the first `least` ones. If a busy machine gets through fewer
    rounds, the row gets a note.
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


Turns = dict[tuple[Row, ...], dict[str, Callable[[], tuple[float, ...]]]]
"""By several rows and by contender: a function that returns a figure for each of these rows."""


def in_turns(takes: Turns, rounds: int, log: Callable[[str], None], bare: Take | None = None) -> None:
    """Takes samples of all rows and contenders in turns, and in each turn of `bare`, the interpreter's own start.

    The first turn does not count, because it may write bytecode. If a function fails, it is left out from then on.
    """
    failed = set()
    for turn in range(rounds + 1):
        start = bare() if bare else 0.0
        for rows, by_contender in takes.items():
            for name, take in by_contender.items():
                if (rows, name) in failed:
                    continue
                try:
                    values = take()
                except Late as error:
                    failed.add((rows, name))
                    rows[0].notes.append(f"{name}: {error}")
                    log(f"    {rows[0].title}: {name}: {error}")
                    continue
                for row, value in zip(rows, values, strict=True) if turn else ():
                    row.add(name, value)
            for row in rows if turn and bare else ():
                row.add("bare", start)


def machine() -> dict[str, str]:
    """Returns the facts about this machine that figures depend on, without host name and paths."""
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
