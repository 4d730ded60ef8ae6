"""What a soak measures: samples of memory, descriptors, files and processes, and the slopes through them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

WARM_UP = 1 / 3
"""The share of samples at the beginning that is dropped, because scrollbacks still fill and modules still load."""
MEMORY_PER_HOUR = 256.0
"""KiB an hour by which a session's memory may grow."""
MEMORY_NOISE = 512.0
"""KiB by which a session's memory may grow over the whole run: what was printed last differs at the two ends."""
SHORT, LOADED_LATE = 0.2, 12288.0
"""Hours in which not every act has been done to each session, and the KiB that a session may grow in them."""
RESTARTING = 4
"""Descriptors by which a few samples may differ, because a session that is just starting has not opened all."""


@dataclass
class Sample:
    """The counts at a quiet moment, without client, command or flood."""

    hours: float
    memory: dict[str, float]
    """KiB of all daemons of a kind of session, and of the zygote; shared pages by their share."""
    descriptors: int
    """Of all daemons."""
    files: int
    """Under SESH_DIR."""
    processes: int
    attaches: int
    output: int
    """Bytes that the programs have printed."""


def memory(pid: int) -> float:
    """KiB of memory of a process, shared pages by their share; 0 once it has gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next((float(line.split()[1]) for line in file if line.startswith("Pss:")), 0.0)
    except OSError:
        return 0.0


def descriptors(pid: int) -> list[str]:
    """What the descriptors of a process lead to."""
    try:
        return [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
    except OSError:  # the process has gone
        return []


def command(pid: int) -> str:
    """The words of a process, a blank between each two; "" once it has gone."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", " ")
    except OSError:
        return ""


def forebears(pid: int) -> set[int]:
    """A process, its parent, and so on."""
    found = set()
    while pid > 1:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def files(folder: str) -> int:
    """How many files lie in a folder and below."""
    return sum(len(names) for _, _, names in os.walk(folder))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Returns the slope of the line through the points, by least squares."""
    count = len(points)
    if count < 2:
        return 0.0
    mean_x, mean_y = (sum(each) / count for each in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies; 0 where there are none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


@dataclass
class Record:
    """All results of a soak. `sessions`: how many of each kind there are; `faults`: what went wrong."""

    sessions: Mapping[str, int]
    samples: list[Sample] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    """Seconds from connecting until the screen has come, of each attach cycle."""

    @property
    def kept(self) -> list[Sample]:
        """The samples after the warm-up."""
        return self.samples[int(len(self.samples) * WARM_UP) :]

    def rise(self, of: Callable[[Sample], float]) -> tuple[float, float]:
        """Returns how much a value grows in an hour, and how much it grew over the kept samples."""
        kept = self.kept
        per_hour = slope([(sample.hours, of(sample)) for sample in kept])
        return per_hour, per_hour * (kept[-1].hours - kept[0].hours) if kept else 0.0

    def growth(self) -> list[str]:
        """Returns a line for each value that grew beyond its bound."""
        found = []
        hours = self.kept[-1].hours - self.kept[0].hours
        for kind in self.kinds():
            count = max(1, self.sessions.get(kind, 1))
            rate, risen = self.rise(lambda sample, kind=kind: sample.memory.get(kind, 0.0))  # type: ignore[misc]
            if risen / count > (LOADED_LATE if hours < SHORT else MEMORY_NOISE + MEMORY_PER_HOUR * hours):
                found.append(f"the memory of a session of {kind} grows {rate / count:.0f} KiB an hour")
        for what in ("descriptors", "processes") if hours > SHORT else ("descriptors",):  # files: see `litter`
            half = len(self.kept) // 2
            least = [min(getattr(each, what) for each in part) for part in (self.kept[:half], self.kept[half:]) if part]
            if len(least) == 2 and least[1] > least[0] + (RESTARTING if hours < SHORT else 0):
                found.append(f"the {what} have grown from {least[0]} to {least[1]}")
        return found

    def kinds(self) -> list[str]:
        """The kinds of memory that were sampled."""
        return sorted({kind for sample in self.samples for kind in sample.memory})

    def report(self) -> str:
        """Returns the figures as text."""
        if len(self.kept) < 2:
            return "too short: fewer than two samples"
        first, last, kept = self.samples[0], self.samples[-1], self.kept
        lines = [
            f"{last.hours - first.hours:.2f} hours, {sum(self.sessions.values())} sessions",
            f"{last.attaches} attach cycles, {last.output / 1e9:.3f} GB of output",
            *(f"{count:8} {act}" for act, count in sorted(self.acts.items())),
            f"warm-up, thrown away: {kept[0].hours - first.hours:.2f} hours",
            f"{'':36}{'at first':>12}{'after':>12}{'at last':>12}{'an hour':>12}",
        ]

        def row(title: str, of: Callable[[Sample], float], unit: float = 1.0, digits: int = 0) -> None:
            values = [of(first), of(kept[0]), of(last), self.rise(of)[0]]
            lines.append(f"{title:36}" + "".join(f"{value / unit:12.{digits}f}" for value in values))

        row("memory of all, MiB", lambda sample: sum(sample.memory.values()), 1024, 2)
        for kind in self.kinds():
            count = self.sessions.get(kind, 0)
            title = f"  {count} x {kind}, each, KiB" if count else f"  {kind}, KiB"
            row(title, lambda sample, kind=kind: sample.memory.get(kind, 0.0), count or 1)  # type: ignore[misc]
        row("descriptors of daemons", lambda sample: sample.descriptors)
        row("files under SESH_DIR", lambda sample: sample.files)
        row("processes", lambda sample: sample.processes)
        for title, part in zip(("first", "second"), _halves(self.took), strict=True):
            p50, p95, p99 = (quantile(part, share) * 1000 for share in (0.5, 0.95, 0.99))
            lines.append(f"attach, {title} half: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms")
        return "\n".join(lines)


def _halves(values: list[float]) -> tuple[list[float], list[float]]:
    half = len(values) // 2
    return values[:half], values[half:]
