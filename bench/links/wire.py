"""`python -m bench.links.wire [SECONDS]` counts the bytes of typing into vim at 300 ms.

The same keys with the same pauses go through sesh, with prediction and without, and through `ssh -C`, at the same time:
each through a proxy of its own before a real sshd on loopback, which delays each block by half of the round trip and
counts the bytes of both ways. What connecting and attaching cost is not counted.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator

from tests.remote.farm import Farm, measuring
from tests.support import Home, Terminal

ROUND_TRIP = 0.3
GOAL = 1.1
"""Bytes of sesh with prediction, as a multiple of those of `ssh -C`."""
_KEYS_PER_SECOND = 9
_EDITOR = "vim -u NONE -N -n notes"
_WORDS = ("the", "link", "may", "be", "slow", "and", "still", "who", "writes", "sees", "each", "letter", "at", "once")
_LINES = "".join(f"{number:3} what stands in this line was there before\n" for number in range(200))


def typed(seconds: float) -> Iterator[tuple[float, bytes]]:
    """Yield the pauses and keys of some seconds of editing; the same each time."""
    chance, now = random.Random(7), 0.0
    while now < seconds:
        for key in _phrase(chance):
            pause = max(0.03, chance.gauss(1 / _KEYS_PER_SECOND, 0.03))
            now += pause
            yield pause, key
        pause = chance.uniform(0.2, 1.2)  # a person thinks
        now += pause
        yield pause, b""


def _phrase(chance: random.Random) -> Iterator[bytes]:
    """Return keys that move to a line and change it, with a few typing mistakes."""
    yield from [chance.choice((b"j", b"k", b"\x1b[B"))] * chance.randint(1, 4)
    yield from (bytes((each,)) for each in chance.choice((b"A ", b"o", b"wi", b"bcw", b"ddO")))
    for _ in range(chance.randint(3, 9)):
        yield from (bytes((each,)) for each in chance.choice(_WORDS).encode())
        if chance.random() < 0.2:
            yield from (b"x", b"\x7f")
        if chance.random() < 0.1:
            yield from [b"\x1b[D"] * 3
        yield b"\r" if chance.random() < 0.1 else b" "
    yield b"\x1b"


def measured(home: Home, farm: Farm, seconds: float) -> dict[str, int]:
    """Bytes by the name of the contender."""
    hosts = {name: farm.host(f"box{number}", proxied=True) for number, name in enumerate(("ssh -C", "always", "never"))}
    windows: dict[str, Terminal] = {}
    for name, far in hosts.items():
        far.write("notes", _LINES)
        far.proxy.delay(ROUND_TRIP / 2)  # before it connects: a host that is near is not compressed
        if name == "ssh -C":
            windows[name] = home.terminal(command=["ssh", "-C", "-t", far.word, _EDITOR])
        else:
            home.write(".config/sesh/config.toml", f'predict = "{name}"\n')
            windows[name] = home.terminal(far.at, "work", "--", *_EDITOR.split())
        windows[name].wait_for("what stands", 60)
    for key in (b"ix", b"\x1b", b"u"):  # fetches the model
        for window in windows.values():
            window.type(key)
        _settle(windows, 1.5)
    before = {name: far.proxy.passed for name, far in hosts.items()}
    count = 0
    for pause, key in typed(seconds):
        due = time.monotonic() + pause
        while (left := due - time.monotonic()) > 0:
            _settle(windows, left)
        for window in windows.values():
            window.type(key)
        count += len(key) > 0
    _settle(windows, 3.0)
    print(f"{count} keys in {seconds:g} s at {ROUND_TRIP * 1000:g} ms of round trip", flush=True)
    assert len({"\n".join(window.screen()) for window in windows.values()}) == 1, "the screens differ"
    return {name: far.proxy.passed - before[name] for name, far in hosts.items()}


def _settle(windows: dict[str, Terminal], seconds: float) -> None:
    """Reads what comes in this time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for window in windows.values():
            window.pump(max(0.0, min(0.002, end - time.monotonic())))


def main() -> int:
    """Prints a line for each contender; returns 1 if the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with measuring() as farm:
        taken = measured(farm.home, farm, seconds)
    for name, size in taken.items():
        print(f"{name:8} {size:7} bytes, {size / taken['ssh -C']:.3f} of ssh -C", flush=True)
    return 1 if taken["always"] > GOAL * taken["ssh -C"] else 0


if __name__ == "__main__":
    sys.exit(main())
