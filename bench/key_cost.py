"""`python -m bench.key_cost [KEYS [PROGRAM PYTHON]]`: processor time of the attached client for each key, over a link.

Runs with prediction and without take turns; each types so many keys (1000) into bash, twenty a second, at 100 ms of
round trip. `PROGRAM PYTHON`: an installed sesh and its interpreter, in place of a copy of this checkout.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time

from bench.building import copy
from bench.field import Field
from bench.predicting import attached, processor_time
from bench.window import Window

ROUND_TRIP, PAUSE, TURNS = 100, 0.05, 3
GOAL = 0.2
"""Milliseconds for each key over those without prediction."""
_KEYS = b": letters of a line, and some more of thee\x7fm\x1b[D\x1b[D\x1b[C\x1b[C as a person types\r"


def spent(window: Window, count: int) -> float:
    """Milliseconds of processor time for each of so many keys."""
    keys = [bytes((each,)) for each in _KEYS.replace(b"\x1b[D", b"\1").replace(b"\x1b[C", b"\2")]
    keys = [{b"\1": b"\x1b[D", b"\2": b"\x1b[C"}.get(key, key) for key in keys]
    for key in b"\rx", b"y", b"z", b"\x15":  # the first keys measure the link and fetch the model
        window.type(key)
        window.settle(0.5)
    before = processor_time(window.pid)
    due = time.monotonic()
    for number in range(count):
        window.type(keys[number % len(keys)])
        due += PAUSE
        while (left := due - time.monotonic()) > 0:
            window.read()
            time.sleep(min(left, PAUSE / 5))
    window.settle(0.5)
    return (processor_time(window.pid) - before) / count * 1000


def main() -> int:
    """Prints milliseconds for each key; 1 where the goal was missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    taken: dict[str, list[float]] = {"always": [], "never": []}
    with tempfile.TemporaryDirectory(prefix="sesh-bench-") as folder:
        program, python = sys.argv[2:4] if len(sys.argv) > 3 else copy(folder)
        with Field(program, python, quick=True) as field:
            for _ in range(TURNS):
                for option, each in taken.items():
                    with attached(field, ["bash", "--norc"], ROUND_TRIP, option) as window:
                        each.append(spent(window, count))
    always, never = (statistics.median(each) for each in taken.values())
    for option, each in taken.items():
        print(f"{option}: {statistics.median(each):.3f} ms a key ({', '.join(f'{one:.3f}' for one in each)})")
    print(f"prediction: {always - never:.3f} ms a key (goal {GOAL})")
    return 1 if always - never > GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
