"""`python -m bench.links.send [ROUNDS]` measures `sesh send --file` beside `scp`: seconds for one file.

Both go to a real sshd on loopback, over a shared connection that is open, with the round trips of `TRIPS`, which a
proxy adds. They take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

from tests.remote.farm import Farm, measuring

TRIPS = (0.0, 0.2)  # seconds
SIZES = (300 << 10, 32 << 20)  # bytes: a picture; a film


def measured(farm: Farm, trip: float, size: int, rounds: int) -> tuple[float, float]:
    """Return the median seconds of scp, and of sesh."""
    far, home = farm.host("box", proxied=trip > 0), farm.home
    if trip:
        far.proxy.delay(trip / 2)
    source = home.write("file.bin", os.urandom(size))
    assert home.sesh("@box", "open", "work", "--", "cat").code == 0
    lines = {
        "scp": ["scp", "-q", source, "box:file.bin"],
        "sesh": [*home.command, "@box", "send", "work", "--file", source],
    }
    taken: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(rounds):
        for name, words in lines.items():
            begun = time.monotonic()
            subprocess.run(words, env=home.environment(), check=True, stdin=subprocess.DEVNULL)
            taken[name].append(time.monotonic() - begun)
    return statistics.median(taken["scp"]), statistics.median(taken["sesh"])


def main() -> int:
    """Print a row for each round trip and size."""
    parser = argparse.ArgumentParser(prog="python -m bench.links.send", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    rounds = parser.parse_args().rounds
    print("trip, ms       bytes    scp, s   sesh, s")
    for trip in TRIPS:
        for size in SIZES:
            with measuring() as farm:
                theirs, ours = measured(farm, trip, size, rounds)
            print(f"{trip * 1e3:8.0f}  {size:10,}  {theirs:8.2f}  {ours:8.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
