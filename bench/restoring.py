"""`python -m bench.restoring [ROUNDS]`: the seconds in which `--restore` brings twelve sessions back.

They are those of `test_restore`: shells, an editor, servers, agents with resume commands, a job. Each round has a home
of its own. With `COLD=1` sesh starts as a launcher starts it.
"""

from __future__ import annotations

import argparse
import statistics
import time

from tests.support import Home
from tests.terminal.test_restore import AGENT, lose, opened


def measured() -> float:
    """Simulates a reboot, and measures the restore."""
    home = Home()
    try:
        for name in ("agent", "server", "make"):
            home.write(f"bin/{name}", AGENT, mode=0o755)
        lose(home, *opened(home))
        began = time.monotonic()
        assert home.sesh("--restore").code == 0
        return time.monotonic() - began
    finally:
        home.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    times = sorted(measured() for _ in range(parser.parse_args().rounds))
    print(f"{len(times)} rounds: median {statistics.median(times):.2f} s, slowest {times[-1]:.2f} s")
