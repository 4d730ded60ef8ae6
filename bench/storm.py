"""`python -m bench.storm`: typing, creating and first frames while others create sessions and one prints a flood.

A person types into one session: first on a quiet machine, then while twenty sessions are created one after the other,
over and over, and another one prints without end. Milliseconds: p50, p90 and p99 of an echo, of `--open`, and of
`sesh NAME` for a new session until its first output shows.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time

from bench.building import copy
from bench.contenders import Contender
from bench.field import Field
from bench.material import ECHOING, SLEEPING
from bench.streaming import READY, echoed
from bench.window import Window, run

CREATED = 20
FLOOD = ["sh", "-c", "exec yes a line that is printed without end, of some sixty columns"]
GREETING = ["sh", "-c", "printf @@READY@@; exec cat"]


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


def spread(times: list[float]) -> str:
    """p50, p90, p99."""
    ordered = sorted(times)
    return "".join(f"{ordered[min(len(ordered) - 1, len(ordered) * share // 100)]:>9.2f}" for share in (50, 90, 99))


def first_frames(field: Field, contender: Contender, count: int) -> list[float]:
    """Milliseconds until what a new session prints first shows."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        name = field.create(contender, GREETING)
        window = Window(contender.attach(name), contender.environment)
        times.append((window.until(READY) - began) * 1000)
        window.close(*contender.detach)
        contender.kill(name)
    return times


def typed(window: Window, seconds: float) -> list[float]:
    """Milliseconds of each echo, for so long."""
    until = time.monotonic() + seconds
    times = []
    while time.monotonic() < until:
        time.sleep(0.01)
        times.append(echoed(window))
    return times


def measured(field: Field, contender: Contender, seconds: float, frames: int) -> None:
    """Prints the rows of one contender."""
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(field.session(contender, ECHOING))
        window = field.enter(contender, session, ECHOING)
        window.settle(0.3)
        quiet = {"echo": typed(window, seconds), "create": [], "first frame": first_frames(field, contender, frames)}
        for _ in range(CREATED):
            name = field.name()
            quiet["create"].append(run(contender.create(name, SLEEPING), contender.environment) * 1000)
            contender.kill(name)
        stack.enter_context(field.session(contender, FLOOD))
        storm = Storm(field, contender)
        storm.start()
        try:
            busy = {"echo": typed(window, seconds), "first frame": first_frames(field, contender, frames)}
        finally:
            storm.stop.set()
            storm.join()
        busy["create"] = storm.times
        for what, times in quiet.items():
            late, calm = (sorted(each)[len(each) * 99 // 100] for each in (busy[what], times))
            words = f"{contender.name:<7}{what:<12}"
            print(f"{words}quiet{spread(times)}   storm{spread(busy[what])}   p99 x{late / calm:.1f}", flush=True)
        if not contender.detach:
            os.kill(window.pid, 9)
        window.close(*contender.detach)


def main() -> int:
    """Prints three rows for each contender: p50, p90, p99 of each on a quiet machine and in the storm."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--frames", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sesh-bench-") as folder, Field(*copy(folder), quick=True) as field:
        for contender in [field.sesh, *(each for each in field.peers if each.name == "tmux")]:
            with contextlib.suppress(subprocess.SubprocessError):
                measured(field, contender, chosen.seconds, chosen.frames)
    return 0


if __name__ == "__main__":
    sys.exit(main())
