"""`python -m tests.remote.measure_back [ROUNDS]`: seconds from waking to the first output, where the link has died.

A real sshd on loopback behind a proxy that delays each block by half of the round trip; the client is stopped, its
connections are stranded, the program prints, the client goes on.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time

from tests.remote.farm import Farm, Ground
from tests.support import PROMPT, Home

GOALS = {20: 1.0, 100: 2.0, 300: 3.5}
"""Seconds for 95 of 100, by milliseconds of round trip."""


def rounds(home: Home, farm: Farm, word: str, trip: int, count: int) -> list[float]:
    """Seconds of so many wakings, sorted."""
    far = farm.host(word, proxied=True)
    far.proxy.delay(trip / 2000)
    terminal = home.terminal(f"@{word}", "work", "--predict", "always")
    terminal.wait_for(PROMPT, 30)
    taken = []
    for number in range(count):
        while terminal.pump(1.2):
            continue
        os.kill(terminal.pid, signal.SIGSTOP)
        far.proxy.strand()
        far.sesh("--send", "work", f": round{number}", "--enter")
        began = time.monotonic()
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.wait_until(lambda word=f"round{number}": word in terminal.text(), 30)  # type: ignore[misc]
        taken.append(time.monotonic() - began)
        if taken[-1] > 2 * GOALS[trip]:
            print(f"round {number}: {taken[-1]:.2f} s", bytes(terminal.raw[-300:]), flush=True)
    return sorted(taken)


def main() -> int:
    """Prints a line for each round trip; 1 where a goal was missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    ground, home, missed = Ground(), Home(), 0
    home.strict = False
    farm = Farm(ground, home)
    farm.strict = False
    try:
        for trip, goal in GOALS.items():
            taken = rounds(home, farm, f"box{trip}", trip, count)
            late = taken[min(len(taken) - 1, int(len(taken) * 0.95))]
            missed += late > goal
            half = statistics.median(taken)
            print(f"{trip:4} ms: half {half:.2f} s, 95 % {late:.2f} s (goal {goal}), {len(taken)} rounds", flush=True)
    finally:
        home.leave()
        farm.close()
        home.close()
        ground.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
