"""Milliseconds from Ctrl-V to the picture in a program on a host: `python -m bench.desktop [--trip 20] [--rounds 9]`.

The program calls xclip as Claude Code does: first for the list of types, then for the picture. The host is a machine in
a namespace of its own, behind a link that delays, but is as fast as this machine; the clipboard is that of an X server.
`list`: until the list has come; `picture`: until all of it has; `here`: what both take on this machine without sesh.
Needs root, Xvfb and xclip.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from bench import slow_link
from tests.desktop.displays import X11, picture
from tests.desktop.machines import Machine, Person
from tests.support import Home

_SIDE = 577  # of a picture of 1 MB
_ASKS = """
import json, subprocess, sys, time, tty
tty.setraw(0)
print("waits", end="\\r\\n", flush=True)
while sys.stdin.buffer.raw.read(1) == b"\\x16":
    words = ["xclip", "-selection", "clipboard", "-o", "-t"]
    subprocess.run([*words, "TARGETS"], capture_output=True)
    listed = time.monotonic()
    got = subprocess.run([*words, "image/png"], capture_output=True).stdout
    with open(sys.argv[1], "w") as file:
        json.dump([listed, time.monotonic(), len(got)], file)
    print("got", len(got), end="\\r\\n", flush=True)
"""


def _here(display: X11) -> float:
    """Return the milliseconds of both calls on this machine."""
    began = time.monotonic()
    for target in ("TARGETS", "image/png"):
        words = ["xclip", "-selection", "clipboard", "-o", "-t", target]
        subprocess.run(words, capture_output=True, check=True, env={**os.environ, **display.variables})
    return (time.monotonic() - began) * 1000


def measure(display: X11, trip: int, megabytes: int, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Return the milliseconds of the list, the picture, and both calls here, round by round."""
    home = Home()
    far = Machine(home, [sys.executable, slow_link.__file__, str(trip)])
    try:
        data = b""
        person = Person(far, display.variables)
        script, noted = far.write("asks.py", _ASKS), os.path.join(far.path, "noted")
        person.runs(sys.executable, script, noted)
        person.terminal.wait_for("waits")
        lists, pictures, here = list[float](), list[float](), list[float]()
        for _ in range(rounds):
            data = picture(int(_SIDE * megabytes**0.5))  # another one: the same may be read again without a key
            display.put(data, "image/png")
            here.append(_here(display))
            mark = len(person.terminal.raw)
            pressed = time.monotonic()
            person.terminal.type("\x16")
            person.terminal.wait_for_raw(f"got {len(data)}".encode(), start=mark)
            with open(noted, encoding="utf-8") as file:
                listed, got, _ = json.load(file)
            lists.append((listed - pressed) * 1000)
            pictures.append((got - pressed) * 1000)
        return lists, pictures, here
    finally:
        home.leave()
        far.close()
        home.close()


def main() -> int:
    """Print a row for each round trip."""
    parser = argparse.ArgumentParser(prog="python -m bench.desktop", description=__doc__)
    parser.add_argument("--trip", type=int, action="append", help="milliseconds of a round trip: 0, 20, 200")
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    display = X11()
    print(f"{'round trip':>10} {'size':>6} {'list':>7} {'picture':>8} {'longest':>8} {'here':>6}")
    for trip in options.trip or (0, 20, 200):
        found = measure(display, trip, options.megabytes, options.rounds)
        lists, pictures, here = (statistics.median(each) for each in found)
        longest = max(found[1])
        size = f"{options.megabytes} MB"
        print(f"{trip:7} ms {size:>6} {lists:7.0f} {pictures:8.0f} {longest:8.0f} {here:6.0f}", flush=True)
    display.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
