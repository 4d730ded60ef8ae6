"""What a soak measures: samples of memory, descriptors and processes, and how they grow."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

WARM_UP = 1 / 3
"""The share of samples at the beginning that is dropped, because scrollbacks still fill and modules still load."""
MEMORY_PER_HOUR, MEMORY_NOISE = 256.0, 512.0
"""KiB by which a session's memory may grow in an hour, and once: what was printed last differs at the two ends."""
SHORT, SHORT_NOISE = 0.2, 12288.0
"""Hours in which not every act has been done to each session, and the KiB that a session may grow in them."""
RESTARTING = 4
"""Descriptors by which two samples of a short soak may differ, because a session that starts has not opened all."""
Value = Callable[["Sample"], float]


@dataclass
class Sample:
    """The counts at a quiet moment, without client, command or flood."""

    hours: float
    memory: Mapping[str, int]
    """KiB of all daemons of a kind of session, and of the zygote; a page that they share counts for each of them."""
    descriptors: int
    """Of all daemons."""
    processes: int
    attaches: int
    output: int
    """Bytes that the programs have printed."""

    def line(self) -> str:
        memory = "  ".join(f"{kind} {value / 1024:.1f}" for kind, value in sorted(self.memory.items()))
        counts = f"descriptors {self.descriptors}  processes {self.processes}"
        return f"{self.hours:7.3f} h  {self.attaches} attaches  {self.output / 1e9:.3f} GB  MiB: {memory}  {counts}"


@dataclass
class Record:
    """All results of a soak; `sessions` has the number of each kind."""

    sessions: Mapping[str, int]
    samples: list[Sample] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    acts: dict[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> list[Sample]:
        """The samples after the warm-up."""
        return self.samples[int(len(self.samples) * WARM_UP) :]

    def slope(self, of: Value) -> float:
        """Return how much a value grows in an hour, by least squares."""
        if len(self.kept) < 2:
            return 0.0
        hours, values = [each.hours for each in self.kept], [of(each) for each in self.kept]
        return statistics.linear_regression(hours, values).slope

    def growth(self) -> list[str]:
        """Return a line for each value that grew beyond its bound."""
        return [*self.memory_growth(), *self.count_growth()]

    def memory_growth(self) -> list[str]:
        """Return a line for each kind of session whose memory grew beyond its bound."""
        found, kept = [], self.kept
        hours = kept[-1].hours - kept[0].hours
        most = SHORT_NOISE if hours < SHORT else MEMORY_NOISE + MEMORY_PER_HOUR * hours
        for kind in kept[-1].memory:
            slope = self.slope(lambda sample, kind=kind: sample.memory.get(kind, 0.0))  # type: ignore[misc]
            each = slope / self.sessions.get(kind, 1)
            if each * hours > most:
                found.append(f"the memory of a session of {kind} grows {each:.0f} KiB an hour")
        return found

    def count_growth(self) -> list[str]:
        """Return a line for each of the descriptors and processes whose number grew."""
        found, kept = [], self.kept
        hours = kept[-1].hours - kept[0].hours
        half = len(kept) // 2
        for what in ("descriptors", "processes") if hours > SHORT else ("descriptors",):
            first, second = (min(getattr(each, what) for each in part) for part in (kept[: half or 1], kept[half:]))
            if second > first + (RESTARTING if hours < SHORT else 0):
                found.append(f"the {what} have grown from {first} to {second}")
        return found

    def report(self) -> str:
        first, last = self.samples[0], self.samples[-1]
        lines = [
            f"{sum(self.sessions.values())} sessions; at first, at last:",
            first.line(),
            last.line(),
            *(f"{count:8} {act}" for act, count in sorted(self.acts.items())),
            f"memory of all: {self.slope(lambda sample: sum(sample.memory.values())):.0f} KiB an hour more",
        ]
        return "\n".join(lines)
