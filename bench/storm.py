"""`python -m bench.storm`: typing, creating and first frames while others create sessions and one prints a flood.

A person types into one session: first on a quiet machine, then while twenty sessions are created one after the other,
over and over, and another one prints without end. Milliseconds: p50, p90 and p99 of an echo, of creating, and of
creating and attaching until the first output shows.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time

from bench.alone import alone
from bench.contenders import Contender
from bench.echoing import echoed
from bench.field import Field
from bench.figures import ECHO, OTHER, OURS, Row
from bench.material import ECHOING, READY, SLEEPING
from bench.starting import created
from bench.window import Window, run

CREATED = 20
FLOOD = ["sh", "-c", "exec yes a line that is printed without end, of some sixty columns"]
GREETING = ["sh", "-c", "printf @@READY@@; exec cat"]
SHARES = (50, 90, 99)
CALM = 3.0
"""The goal for the 99th percentile in the storm, as a multiple of the time on a quiet machine."""
Times = dict[str, list[float]]


class Storm(threading.Thread):
    """Creates sessions, and ends them, until it is told to stop; keeps how long each took to be created."""

    def __init__(self, field: Field, contender: Contender) -> None:
        super().__init__()
        self.field, self.contender, self.stop = field, contender, threading.Event()
        self.times: list[float] = []

    def run(self) -> None:
        while not self.stop.is_set():
            names = [self.field.name() for _ in range(CREATED)]
            for name in names:
                took = run(self.contender.create(name, SLEEPING), self.contender.environment)
                self.times.append(took * 1000)
            for name in names:
                self.contender.kill(name)


def storm(field: Field, seconds: float = 10.0, frames: int = 20) -> list[Row]:
    """Measures p50, p90 and p99 of each step for sesh and tmux, on the quiet machine and in the storm.

    `seconds`: how long keys are typed; `frames`: the number of first frames.
    """
    tools = [tool for tool in field.tools if tool.name in (OURS, OTHER, "tmux")]
    times = {tool.name: _sampled(field, tool, seconds, frames) for tool in tools}
    rows = []
    for step in ("echo", "create", "first frame"):
        for share in SHARES:
            quiet, busy = (
                Row(f"{key}-{step}-{share}", f"{step} {place}, p{share}", "ms", line=ECHO)
                for key, place in (("quiet", "on the quiet machine"), ("storm", "in a storm"))
            )
            for name, (before, meanwhile) in times.items():
                quiet.add(name, _at(before[step], share))
                busy.add(name, _at(meanwhile[step], share))
            if share == SHARES[-1]:
                busy.short, busy.said = f"{step} in a storm", f"{CALM:g} x quiet"
                busy.goal = lambda _, quiet=quiet: CALM * quiet.medians[OURS]
            rows += [quiet, busy]
    return rows


def _at(times: list[float], share: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def _sampled(field: Field, contender: Contender, seconds: float, frames: int) -> tuple[Times, Times]:
    """Milliseconds of one contender on a quiet machine, and in the storm, by step."""
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(field.session(contender, ECHOING))
        window = field.enter(contender, session, ECHOING)
        stack.callback(window.close, *contender.detach)
        window.settle(0.3)
        quiet: Times = {
            "echo": _typed(window, seconds),
            "first frame": _first_frames(field, contender, frames),
            "create": [created(field, contender) for _ in range(CREATED)],
        }
        stack.enter_context(field.session(contender, FLOOD))
        storm = Storm(field, contender)
        storm.start()
        try:
            busy = {"echo": _typed(window, seconds), "first frame": _first_frames(field, contender, frames)}
        finally:
            storm.stop.set()
            storm.join()
        return quiet, {**busy, "create": storm.times}


def _typed(window: Window, seconds: float) -> list[float]:
    """Milliseconds of each echo while keys are typed for so many seconds."""
    until = time.monotonic() + seconds
    times = []
    while time.monotonic() < until:
        times.append(echoed(window, 0.012))
    return times


def _first_frames(field: Field, contender: Contender, count: int) -> list[float]:
    """Milliseconds until the first output of a new session shows."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        with field.session(contender, GREETING) as name:
            window = Window(contender.attach(name), contender.environment)
            times.append((window.until(READY) - began) * 1000)
            window.close(*contender.detach)
    return times


if __name__ == "__main__":
    sys.exit(alone(storm))
