"""How long an attached person waits for the echo of a key while the program prints fuzz.

The program prints blocks of the grammar for ever, and after each gives back what was typed. A client types a mark that
no output has, waits for it, and types the next. What is measured includes the program's own turn: the same is
measured in a terminal without a session. On a busy machine everybody waits for a processor; for how long the daemon
itself ran during a wait says what that would be on another one.
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
from tests.support import ROOT, Terminal

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


class Attached:
    """The terminal of an attached person."""

    def __init__(self, client: Client) -> None:
        self._client, self.type = client, client.type

    def read(self) -> bytes:
        """What has come, waited for a while."""
        self._client.output.clear()
        self._client.frames.clear()
        self._client.step(0.5)
        assert not self._client.closed, "the daemon closed the connection"
        return bytes(self._client.output)


class Bare:
    """A terminal with the program in it and no session: what this machine does to it all by itself."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal, self.type = terminal, terminal.type

    def read(self) -> bytes:
        """What has come, waited for a while."""
        self._terminal.raw.clear()
        self._terminal.pump(0.5)
        return bytes(self._terminal.raw)


def _ran(pid: int) -> float:
    """Seconds for which a process has run."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def _waits(place: Attached | Bare, pid: int, seconds: float, most: float = 60.0) -> tuple[list[float], list[float]]:
    """Seconds until what is typed comes back, time after time, and for how many of them process `pid` ran."""
    waits: list[float] = []
    ran: list[float] = []
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        before = _ran(pid)
        mark = b"<%d typed>" % len(waits)
        place.type(mark)
        seen = b""
        while mark not in seen:
            assert time.monotonic() - began < most, f"no echo within {most:g} s"
            seen = seen[-len(mark) :] + place.read()
        waits.append(time.monotonic() - began)
        ran.append(_ran(pid) - before)
    return waits, ran


def _quietness() -> float:
    """How many processes want a processor, for each that there is."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def measure(seconds: float, seed: int, kinds: tuple[str, ...], size: tuple[int, int]) -> bool:
    """Measures for some seconds, a fifth of them without a session; whether nobody waited too long."""
    stream = f"import sys; sys.path[:0] = {[ROOT]!r}; from tests.fuzz.echo import stream; stream({seed}, {kinds!r})"
    program = ("/bin/sh", "-c", 'stty raw -echo; exec "$0" -c "$1"', sys.executable, stream)
    with own_home() as home:
        with Terminal(program, columns=size[0], rows=size[1], env=home.env) as terminal:
            tell("without a session", _waits(Bare(terminal), terminal.pid, seconds / 5)[0])
        daemons = Daemons(home)
        try:
            pid = daemons.start("work", *program)
            client = daemons.attach("work", columns=size[0], rows=size[1])
            before = resident(pid)
            waits, ran = _waits(Attached(client), pid, seconds * 4 / 5)
            grown = resident(pid) - before
            status = daemons.ask("work", "status", timeout=60.0)["session"]
            assert not [line for line in status["faults"] if "a fault" in line], status["faults"]
        finally:
            daemons.close()
    good = tell("attached", waits)
    tell("attached, the daemon's own time", ran)
    kept = status["scrollback"]
    print(f"the daemon has {grown / 1e6:.1f} MB more, {kept['lines'] if kept else 0} lines of scrollback")
    return good


def tell(where: str, waits: list[float]) -> bool:
    """Prints the distribution; whether no wait was too long."""
    ordered = sorted(waits)

    def part(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    over = sum(wait > PAUSE for wait in waits)
    print(
        f"{where}: {len(waits)} keys, median {part(0.5):.1f} ms, 90 % within {part(0.9):.1f}, "
        f"99 % within {part(0.99):.1f}, longest {ordered[-1] * 1000:.1f}; {over} over {PAUSE * 1000:.0f} ms"
    )
    return over == 0


def main(seconds: float, seed: int, kinds: tuple[str, ...]) -> int:
    """Measures at two sizes; 1 where somebody waited too long."""
    print(f"load before: {_quietness():.2f} for each processor")
    good = True
    for size in _SIZES:
        print(f"{size[0]}x{size[1]}, {len(kinds)} kinds")
        good &= measure(seconds / len(_SIZES), seed, kinds, size)
    print(f"load after: {_quietness():.2f} for each processor (more than 1.5: not quiet, the figures say little)")
    return 0 if good else 1
