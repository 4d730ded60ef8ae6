"""How long an attached person waits for the echo of a key while the program prints fuzz.

The program prints blocks of the grammar for ever, and after each gives back what was typed. A client types a mark that
no output has, waits for it, and types the next. What is measured includes the program's own turn.
"""

from __future__ import annotations

import os
import random
import select
import sys
import time

from tests.faults.daemons import Client, Daemons, resident
from tests.fuzz import grammar
from tests.fuzz.place import own_home
from tests.support import ROOT

BLOCK = 4096
"""What the program writes at once; as much waits in the kernel's terminal."""
_SIZES = ((80, 24), (200, 60))
PAUSE = 0.1
"""Seconds that nobody may have to wait, on a machine that does nothing else."""


def stream(seed: int, kinds: tuple[str, ...]) -> None:
    """The program in the session: prints until it is ended, and gives back what it reads."""
    rng = random.Random(seed)
    while True:
        for block in grammar.flood(rng, rng.choice(kinds), 400_000):
            for at in range(0, len(block), BLOCK):
                _write(block[at : at + BLOCK])
                if select.select([0], [], [], 0)[0]:
                    _write(os.read(0, 1 << 16))


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _waited(client: Client, number: int, timeout: float) -> float:
    """Seconds until what is typed comes back."""
    mark = b"<%d typed>" % number
    began = time.monotonic()
    client.type(mark)
    seen = b""
    while mark not in seen:
        assert not client.closed, "the daemon closed the connection"
        assert time.monotonic() - began < timeout, f"no echo within {timeout:g} s"
        client.output.clear()
        client.step(0.5)
        client.frames.clear()
        seen = seen[-len(mark) :] + bytes(client.output)
    return time.monotonic() - began


def _quietness() -> float:
    """How many processes want a processor, for each that there is."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def measure(
    seconds: float, seed: int, kinds: tuple[str, ...] = tuple(grammar.KINDS), size: tuple[int, int] = (80, 24)
) -> list[float]:
    """The waits for each key, for some seconds."""
    program = f"import sys; sys.path[:0] = {[ROOT]!r}; from tests.fuzz.echo import stream; stream({seed}, {kinds!r})"
    waits: list[float] = []
    with own_home() as home:
        daemons = Daemons(home)
        try:
            script = 'stty raw -echo; exec "$0" -c "$1"'
            pid = daemons.start("work", "/bin/sh", "-c", script, sys.executable, program)
            client = daemons.attach("work", columns=size[0], rows=size[1])
            before = resident(pid)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                waits.append(_waited(client, len(waits), 60.0))
            grown = resident(pid) - before
            status = daemons.ask("work", "status", timeout=60.0)["session"]
            assert not [line for line in status["faults"] if "a fault" in line], status["faults"]
            print(f"the daemon has {grown / 1e6:.1f} MB more, {status['scrollback']['lines']} lines of scrollback")
        finally:
            daemons.close()
    return waits


def tell(waits: list[float]) -> bool:
    """Prints the distribution; whether no wait was too long."""
    ordered = sorted(waits)

    def part(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    over = sum(wait > PAUSE for wait in waits)
    print(
        f"{len(waits)} keys: median {part(0.5):.1f} ms, 90 % within {part(0.9):.1f}, 99 % within {part(0.99):.1f}, "
        f"99.9 % within {part(0.999):.1f}, longest {ordered[-1] * 1000:.1f}; {over} over {PAUSE * 1000:.0f} ms"
    )
    return over == 0


def main(seconds: float, seed: int, kinds: tuple[str, ...]) -> int:
    """Measures at two sizes; 1 where somebody waited too long."""
    print(f"load before: {_quietness():.2f} for each processor")
    good = True
    for size in _SIZES:
        print(f"{size[0]}x{size[1]}, {len(kinds)} kinds")
        good &= tell(measure(seconds / len(_SIZES), seed, kinds, size))
    print(f"load after: {_quietness():.2f} for each processor (more than 1.5: not quiet, the figures say little)")
    return 0 if good else 1
