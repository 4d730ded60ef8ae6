"""`python -m bench.echoing`: one key and its echo: how long it takes, and what it costs in processor time.

Each contender echoes keys in turn: sesh, its peers, the forty-line relay, a plain PTY. The processor time is that of
all processes that keep the session, and of the client; the program in the session is not counted.
"""

from __future__ import annotations

import contextlib
import math
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time

from bench.alone import alone
from bench.contenders import Contender
from bench.field import Field
from bench.figures import ECHO, Row
from bench.material import ECHOING, SLEEPING
from bench.window import Late, Window, spent

KEYS, LONGEST = 100, 1.0
"""Keys in a sample. There are fewer if the pauses between them would take more than these seconds."""
TRACED = 1000
"""Keys that are typed while system calls are counted."""


def echo(field: Field, idle: int = 0, pause: float = 0.002, calls: bool = False) -> list[Row]:
    """Measures the median and p95 of an echo in each sample of many keys.

    `idle`: the number of sessions beside it; `pause`: seconds before a key; `calls`: log the system calls of each key
    too.
    """
    row = Row(
        "echo", "echo p50", "ms", said="1.5 x dtach, 1.15 x relay",
        goal=lambda m: min(1.5 * m["dtach"], 1.15 * m.get("relay", math.inf)),
        line=ECHO, short="echo p50", charted=True,
    )  # fmt: skip
    late = Row(
        "echo-late", "echo p95", "ms", said="dtach", goal=lambda m: m["dtach"], line=ECHO, short="echo p95",
        charted=True,
    )  # fmt: skip
    cost = Row(
        "echo-cost", "a key and its echo, processor time of all", "ms", said="0.2 ms", goal=lambda _: 0.2,
        line=ECHO, short="processor time of a key",
    )  # fmt: skip
    keeping = Row("echo-daemon", "a key and its echo, processor time of what keeps the session", "ms")
    count = max(1, min(KEYS, int(LONGEST / max(pause, 0.001))))
    with contextlib.ExitStack() as stack:
        typed: list[tuple[Contender, Window, list[int]]] = []
        for contender in [*field.everyone, field.relay]:
            for _ in range(idle if contender is not field.plain else 0):
                stack.enter_context(field.session(contender, SLEEPING))
            name = stack.enter_context(field.session(contender, ECHOING))
            window = field.enter(contender, name, ECHOING)
            stack.callback(window.close, *contender.detach)
            try:
                window.settle(0.2)
            except Late as error:
                field.log(f"    {contender.name} is left out: {error}")
                continue
            typed.append((contender, window, contender.processes()))
        for _ in range(field.rounds(9, 3)):
            for contender, window, keepers in typed:
                before = spent(keepers), spent([window.pid])
                times = sorted(echoed(window, pause) for _ in range(count))
                row.add(contender.name, statistics.median(times))
                late.add(contender.name, times[len(times) * 95 // 100])
                if contender is not field.plain:
                    used = spent(keepers) - before[0]
                    keeping.add(contender.name, used * 1000 / count)
                    cost.add(contender.name, (used + spent([window.pid]) - before[1]) * 1000 / count)
        for contender, window, keepers in typed if calls else ():
            for role, pids in (("daemon", keepers), ("client", [window.pid])):
                field.log(f"{contender.name}, {role}: {_calls(window, pids)}")
    return [row, late, cost, keeping]


def echoed(window: Window, pause: float = 0.002) -> float:
    """Returns the milliseconds until a key that is typed after a pause comes back."""
    time.sleep(pause)
    window.read()
    poll = select.poll()
    poll.register(window.master, select.POLLIN)
    began = time.perf_counter()
    window.type(b"x")
    if not poll.poll(5000):
        raise Late("no echo came")
    took = time.perf_counter() - began
    window.read()
    return took * 1000


def _calls(window: Window, pids: list[int]) -> str:
    """Returns the system calls that these processes make for each key, as strace counts them."""
    with tempfile.NamedTemporaryFile("r") as report:
        words = ["strace", "-f", "-c", "-U", "calls,name", "-o", report.name, *(f"-p{pid}" for pid in pids)]
        tracer = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        for _ in range(TRACED):
            echoed(window)
        tracer.terminate()
        tracer.wait()
        counts = re.findall(r"^ *(\d+) (\w+)$", report.read(), re.MULTILINE)
    return ", ".join(f"{int(count) / TRACED:.2f} {name}" for count, name in counts if name != "total")


if __name__ == "__main__":
    sys.exit(alone(echo))
