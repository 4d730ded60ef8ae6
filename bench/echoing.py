"""`python -m bench.echoing`: a key and its echo, by sesh, dtach and the forty-line relay: times, processor time, calls.

Each contender echoes keys in turn: milliseconds until the echo shows (p50, p95), and milliseconds of processor time for
each key in daemon and client, beside so many idle sessions of its own. `--beside CHECKOUT`: another sesh to compare
with. `--calls`: the system calls for each key too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from bench.building import copy
from bench.contenders import Contender, Sesh
from bench.field import Field
from bench.material import ECHOING, SLEEPING
from bench.streaming import echoed
from bench.window import processor_time

BATCH, ROUNDS = 100, 15
LONGEST = 1.0
"""Seconds of pauses in a batch."""
TRACED = 1000
"""Keys that are typed while system calls are counted."""


class Typed:
    """A window on a session of one contender that echoes, and what its keys have cost."""

    def __init__(self, field: Field, contender: Contender, stack: contextlib.ExitStack, idle: int) -> None:
        for _ in range(idle):
            stack.enter_context(field.session(contender, SLEEPING))
        before = set(contender.processes())
        name = stack.enter_context(field.session(contender, ECHOING))
        self.contender = contender
        self.window = field.enter(contender, name, ECHOING)
        self.window.settle(0.3)
        self.daemons = sorted(set(contender.processes()) - before)
        self.times: list[float] = []
        self.daemon: list[float] = []
        self.client: list[float] = []

    def take(self, count: int, pause: float) -> None:
        """Types some keys."""
        before = sum(map(processor_time, self.daemons)), processor_time(self.window.pid)
        for _ in range(count):
            time.sleep(pause)
            self.times.append(echoed(self.window))
        after = sum(map(processor_time, self.daemons)), processor_time(self.window.pid)
        self.daemon.append((after[0] - before[0]) * 1000 / count)
        self.client.append((after[1] - before[1]) * 1000 / count)

    def calls(self) -> str:
        """System calls for each key, by daemon and client."""
        said = []
        for role, pids in (("daemon", self.daemons), ("client", [self.window.pid])):
            with tempfile.NamedTemporaryFile("r") as report:
                words = ["strace", "-f", "-c", "-U", "calls,name", "-o", report.name]
                tracer = subprocess.Popen([*words, *(f"-p{pid}" for pid in pids)], stderr=subprocess.DEVNULL)
                time.sleep(0.5)
                for _ in range(TRACED):
                    echoed(self.window)
                tracer.terminate()
                tracer.wait()
                counts = re.findall(r"^ *(\d+) (\w+)$", report.read(), re.MULTILINE)
            each = [f"{int(count) / TRACED:.2f} {name}" for count, name in counts if name != "total"]
            said.append(f"{role}: {', '.join(each)}")
        return "; ".join(said)

    def close(self) -> None:
        """Leaves."""
        if not self.contender.detach:
            os.kill(self.window.pid, 9)
        self.window.close(*self.contender.detach)


def compared(field: Field, contenders: list[Contender], idle: int, pause: float, *, calls: bool) -> None:
    """Prints a row for each contender."""
    with contextlib.ExitStack() as stack:
        typed = [Typed(field, contender, stack, idle) for contender in contenders]
        for _ in range(ROUNDS):
            for each in typed:
                each.take(min(BATCH, int(LONGEST / pause)) if pause else BATCH, pause)
        print(f"{idle} idle sessions beside it")
        print(f"{'':<10}{'p50 ms':>8}{'p95 ms':>8}{'daemon ms':>11}{'client ms':>11}{'both':>7}", flush=True)
        for each in typed:
            times = sorted(each.times)
            daemon, client = statistics.median(each.daemon), statistics.median(each.client)
            p50, p95 = times[len(times) // 2], times[len(times) * 95 // 100]
            name = each.contender.name
            print(f"{name:<10}{p50:>8.3f}{p95:>8.3f}{daemon:>11.3f}{client:>11.3f}{daemon + client:>7.3f}", flush=True)
        if calls:
            for each in typed:
                print(f"{each.contender.name}: {each.calls()}", flush=True)
        for each in typed:
            each.close()


def main() -> int:
    """Prints a table for each number of idle sessions."""
    parser = argparse.ArgumentParser(prog="python -m bench.echoing", description=__doc__)
    parser.add_argument("--beside", metavar="CHECKOUT")
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two keys")
    parser.add_argument("--idle", default="0", help="numbers, such as 0,10,100")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sesh-bench-") as folder, contextlib.ExitStack() as stack:
        os.mkdir(os.path.join(folder, "own"))
        field = stack.enter_context(Field(*copy(os.path.join(folder, "own")), quick=True))
        contenders: list[Contender] = [field.sesh, field.relay, *(each for each in field.peers if each.name == "dtach")]
        if chosen.beside:
            os.mkdir(os.path.join(folder, "other"))
            os.mkdir(os.path.join(folder, "sessions"))
            other = Sesh(os.path.join(folder, "sessions"), copy(os.path.join(folder, "other"), chosen.beside)[0])
            stack.callback(other.quit)
            other.name = "other"
            contenders.insert(0, other)
        for idle in map(int, chosen.idle.split(",")):
            compared(field, contenders, idle, chosen.pause, calls=chosen.calls)
    return 0


if __name__ == "__main__":
    sys.exit(main())
