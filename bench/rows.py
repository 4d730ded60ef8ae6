"""The rows of `make bench`, their goals, and how the contenders' figures compare."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import NamedTuple

OURS, BEFORE = "sesh", "before"
"""The names of this checkout, and of another one that may be measured beside it."""
PEERS = ("tmux", "screen", "dtach", "pyte", "pyghostty", "avt")
"""The contenders that are compared with sesh. The last three are emulators."""
ORDER = ("plain", "bare", "typer", *reversed(PEERS), BEFORE, OURS)
"""The columns of the table. `bare` is Python that does nothing, `typer` one that imports typer."""
EVEN = 1.05
"""Ratio up to which two figures are called even."""


class Goal(NamedTuple):
    """A multiple of a contender's figure, or, without a contender, a figure."""

    factor: float
    of: str = ""


@dataclass(eq=False)
class Row:
    """One figure of each contender. All goals must be met; charted rows get a bar."""

    title: str
    unit: str
    goals: tuple[Goal, ...] = ()
    charted: bool = False
    samples: dict[str, list[float]] = field(default_factory=dict)

    @property
    def higher(self) -> bool:
        """True if more is better."""
        return self.unit == "MB/s"

    @property
    def name(self) -> str:
        """The title and the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def medians(self) -> dict[str, float]:
        return {name: statistics.median(values) for name, values in self.samples.items()}

    def spread(self, contender: str) -> float:
        """Return half the distance between the quartiles, as a share of the median."""
        values, median = self.samples[contender], self.medians[contender]
        if len(values) < 2 or not median:
            return 0.0
        low, high = min(values), max(values)
        if len(values) > 3:
            low, _, high = statistics.quantiles(values, n=4)
        return (high - low) / 2 / median

    def times(self, other: str) -> float | None:
        """Return how many times better sesh is than a contender, below 1 if worse."""
        medians = self.medians
        if OURS not in medians or other not in medians:
            return None
        return self._ratio(medians[OURS], medians[other])

    def best(self) -> tuple[str, float] | None:
        """Return the best peer, and how many times better sesh is."""
        pairs = [(name, times) for name in PEERS if (times := self.times(name)) is not None]
        return min(pairs, key=lambda pair: pair[1], default=None)

    def met(self) -> bool | None:
        """Return whether all goals are met; None if none could be judged."""
        medians = self.medians
        bounds = [goal.factor * medians.get(goal.of, 1.0) for goal in self.goals if not goal.of or goal.of in medians]
        if OURS not in medians or not bounds:
            return None
        return all(self._ratio(medians[OURS], bound) >= 1 for bound in bounds)

    def _ratio(self, ours: float, theirs: float) -> float:
        """Return how many times better the first figure is than the second."""
        if ours == theirs:
            return 1.0
        better, worse = (ours, theirs) if self.higher else (theirs, ours)
        return better / worse if worse else math.inf


KINDS = ("plain", "colour", "frames")
"""Kinds of output: lines, coloured lines, full screens."""
_AS_BEFORE = (Goal(0.9, BEFORE), Goal(1, "tmux"))
_WITH_VERB = (Goal(1.3, "typer"),)
VERBS = {
    "list --json": "list --json",
    "send": "send work x",
    "run": "run shell -- true",
    "exec": "exec -- true",
    "status": "status work",
    "screen": "screen work",
    "logs": "logs work",
    "grep": "grep CONTENT",
    "history": "history shell",
    "label": "label work a=b",
    "open": "open work",
    "wait": "wait work --idle 0.01",
    "export": "export",
}
"""The verbs that are measured, and their command lines."""

ROWS = {
    "attach": Row("attach until the content shows", "ms", (Goal(1.8, BEFORE),), charted=True),
    "attach-flood": Row("attach in a flood of lines", "ms", (Goal(150),), charted=True),
    "attach-frames": Row("attach in a flood of frames", "ms", (Goal(150),)),
    "create": Row("create detached", "ms", (Goal(8, "bare"),), charted=True),
    "create-first": Row("create detached, the first of a context", "ms", (Goal(13, "bare"),)),
    "list": Row("list 20 sessions", "ms", (Goal(2, BEFORE),), charted=True),
    **{verb: Row(f"{verb}, processor time", "ms", _WITH_VERB) for verb in VERBS},
    "tab": Row("a Tab, 100 sessions, processor time", "ms", (Goal(2.5, "typer"),)),
    "echo": Row("echo p50", "ms", (Goal(1.25, BEFORE),), charted=True),
    **{
        f"{length}-{state}-{kind}": Row(
            f"{length} {state}, {kind}",
            "MB/s",
            _AS_BEFORE if kind != "frames" else (Goal(1, "tmux"),) if length == "burst" else (Goal(6),),
            charted=True,
        )
        for length in ("burst", "sustained")
        for state in ("attached", "detached")
        for kind in KINDS
    },
    "emulator-plain": Row("emulator, plain", "MB/s", (Goal(60),)),
    "emulator-colour": Row("emulator, colour", "MB/s", (Goal(30),)),
    "emulator-scripts": Row("emulator, other scripts", "MB/s", (Goal(15),)),
    "emulator-frames": Row("emulator, frames", "MB/s", (Goal(8),)),
    "step": Row("longest step of a daemon's loop", "ms", (Goal(50),)),
    "memory": Row("20 sessions of one line", "MiB", (Goal(100),), charted=True),
    "memory-lines": Row("20 sessions of 10,000 lines", "MiB", (Goal(1.5, "tmux"),), charted=True),
    "memory-many": Row("100 sessions of one line", "MiB", (Goal(400),)),
    "wakeups": Row("wakeups in 10 s, 20 sessions", "", (Goal(0),)),
}
