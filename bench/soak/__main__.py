"""`python -m bench.soak` uses sessions for hours, and counts what is left in the end.

Sessions of several kinds are attached to, flooded, resized, renamed, reloaded; clients and creators are killed, links
are cut. Now and then all of it stops, and memory, descriptors and processes are counted. The exit code is 1 where one
of them grows beyond its bound, or where anything came out otherwise than it should.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

from bench.soak.soak import soak
from tests.support import Home, forking


def main() -> int:
    """Run the soak; return 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="how long it lasts (default: 1)")
    parser.add_argument("--sessions", type=int, default=50, help="how many sessions (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="decides what is done when (default: 1)")
    words = parser.parse_args()
    for number in (signal.SIGHUP, signal.SIGQUIT):  # nohup and `&` leave them ignored, and children inherit that
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    forking.ABLE = False  # sessions as users have them, whose zygote has the memory of no test
    home = Home()
    os.environ.clear()
    os.environ.update(home.env)
    os.chdir(home.path)
    try:
        record = soak(home, hours=words.hours, sessions=words.sessions, seed=words.seed, say=print)
    finally:
        home.close()
    wrong = [*record.faults, *record.growth()]
    print(record.report())
    print("\n".join(["", *wrong, f"{len(wrong)} faults" if wrong else "nothing grows, and nothing went wrong"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
