"""`python -m bench.links.forward [ROUNDS]` measures `sesh forward` beside `ssh -L`: bulk, and a first byte.

Both go to a real sshd on loopback, with the round trips of `TRIPS`, which a proxy adds. They take turns.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.remote.farm import Farm, measuring
from tests.support import wait_until

TRIPS = (0.0, 0.05)  # seconds
BULK = 256 << 20  # bytes, without a round trip; with one, an eighth of it
LEAST = 0.7
"""The bytes per second of a bulk, as a part of those of `ssh -L`."""
_SERVER = """
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0), backlog=64)
print(server.getsockname()[1], flush=True)
block = bytes(1 << 20)
def serve(taken):
    with taken, taken.makefile("rb") as lines:
        way, size = (lines.readline() or b"look 0").split()
        left = int(size)
        if way == b"up":
            while left:
                left -= len(lines.read1(min(left, 1 << 20)))
            taken.sendall(b"x")
        while left:
            left -= taken.send(block[:left])
while True:
    threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
"""


@contextmanager
def serving() -> Iterator[int]:
    """Yield the port of a server in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def down(port: int, size: int) -> float:
    """Return the seconds of a download."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as opened:
        opened.sendall(b"down %d\n" % size)
        left, buffer = size, bytearray(1 << 20)
        while left:
            count = opened.recv_into(buffer)
            assert count, "the connection has ended"
            left -= count
    return time.monotonic() - begun


def up(port: int, size: int) -> float:
    """Return the seconds of an upload, until the server has all of it."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as opened:
        opened.sendall(b"up %d\n" % size)
        block, left = bytes(1 << 20), size
        while left:
            left -= opened.send(block[:left])
        assert opened.recv(1) == b"x"
    return time.monotonic() - begun


def first(port: int, _size: int) -> float:
    """Return the seconds until the first byte of a new connection."""
    return down(port, 1)


@contextmanager
def ssh(farm: Farm, port: int) -> Iterator[int]:
    """Yield a local port that `ssh -L` forwards."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        local = int(probe.getsockname()[1])
    words = [
        "ssh",
        "-N",
        "-o",
        "ControlPath=none",
        "-o",
        "ControlMaster=no",
        "-L",
        f"127.0.0.1:{local}:localhost:{port}",
        "box",
    ]
    process = subprocess.Popen(words, env=farm.home.environment())
    try:
        wait_until(lambda: _leads(local), "ssh listens")
        yield local
    finally:
        process.terminate()
        process.wait()


def _leads(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def sesh(farm: Farm, port: int) -> Iterator[int]:
    """Yield a local port that `sesh forward` forwards."""
    command = [*farm.home.command, "@box", "forward", str(port), "--json"]
    process = subprocess.Popen(command, env=farm.home.environment(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["local"])
    finally:
        process.terminate()
        process.communicate()


def measured(farm: Farm, trip: float, rounds: int) -> Iterator[tuple[str, float, float]]:
    """Yield what was measured, and the median seconds of `ssh -L` and of sesh."""
    far = farm.host("box", proxied=trip > 0)
    if trip:
        far.proxy.delay(trip / 2)
    size = BULK // 8 if trip else BULK
    kinds: dict[str, Callable[[int, int], float]] = {"down": down, "up": up, "first": first}
    with serving() as port, ssh(farm, port) as theirs, sesh(farm, port) as ours:
        for name, measure in kinds.items():
            taken: dict[int, list[float]] = {theirs: [], ours: []}
            for _ in range(rounds * (10 if measure is first else 1)):
                for local, found in taken.items():
                    found.append(measure(local, size))
            yield name, statistics.median(taken[theirs]), statistics.median(taken[ours])


def main() -> int:
    """Print a row for each round trip and measure; return 1 if sesh is slower than it may be."""
    parser = argparse.ArgumentParser(prog="python -m bench.links.forward", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    rounds = parser.parse_args().rounds
    failed = False
    print("trip, ms  what    ssh -L       sesh")
    for trip in TRIPS:
        with measuring() as farm:
            size = (BULK // 8 if trip else BULK) / 1e6
            for name, theirs, ours in measured(farm, trip, rounds):
                if name == "first":
                    print(f"{trip * 1e3:8.0f}  {name:5} {theirs * 1e3:6.1f} ms  {ours * 1e3:6.1f} ms")
                    failed = failed or ours > theirs + trip + 0.01
                else:
                    part = theirs / ours
                    print(f"{trip * 1e3:8.0f}  {name:5} {size / theirs:4.0f} MB/s  {size / ours:4.0f} MB/s  {part:.2f}")
                    failed = failed or part < LEAST
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
