"""`python -m bench.links.trips [ROUNDS]`: seconds and round trips of the first actions over a link.

The host is a real sshd on loopback, behind a proxy that delays each block by half of the round trip. Beside each figure
of sesh stands that of a bare ssh over the same kind of connection: a new one (cold), or an open control master (warm).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from tests.remote.farm import Farm, SshHost, measuring
from tests.support import PROMPT, Home, processes, wait_until

TRIPS = (20, 100, 300)
"""Milliseconds."""


class Bench:
    """One host, and what is measured there."""

    def __init__(self, home: Home, farm: Farm, word: str, trip: int) -> None:
        self.home, self.farm, self.trip, self.at = home, farm, trip, f"@{word}"
        self.far: SshHost = farm.host(word, proxied=True)
        self.word, self.control = word, os.path.join(home.path, f"own{trip}")
        self.far.sesh("--open", "work")
        self.far.prints("work", PROMPT)
        home.sesh(self.at, "--list")  # the host is known from here on
        home.write(".config/sesh/config.toml", 'predict = "never"\n')
        self.far.proxy.delay(trip / 2000)

    def ssh(self, *options: str) -> float:
        """Seconds until the first byte of a command on the host."""
        began = time.monotonic()
        with subprocess.Popen(
            ["ssh", *options, self.word, "echo"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.home.env
        ) as process:
            assert process.stdout is not None
            assert process.stdout.read(1)
            return time.monotonic() - began

    def whole(self, *options: str) -> float:
        """Seconds of `true` on the host."""
        began = time.monotonic()
        subprocess.run(["ssh", *options, self.word, "true"], stdin=subprocess.DEVNULL, env=self.home.env, check=True)
        return time.monotonic() - began

    def alone(self) -> None:
        """Closes the open connections."""
        processes.kill(self.farm.masters())
        wait_until(lambda: not self.far.proxy.connections)

    def attach(self) -> float:
        """Seconds until the session's screen shows."""
        began = time.monotonic()
        terminal = self.home.terminal(self.at, "work")
        terminal.wait_for(PROMPT, 30)
        taken = time.monotonic() - began
        terminal.type("\x1c")
        terminal.exit_code(10)
        return taken

    def list(self) -> float:
        began = time.monotonic()
        assert "work" in self.home.sesh(self.at, "--list").stdout
        return time.monotonic() - began

    def measured(self, what: str, act: Callable[[], float], count: int, before: Callable[[], object]) -> float:
        """Prints the median of several measurements, and returns it."""
        taken, turns = [], []
        for _ in range(count):
            before()
            wait_until(lambda: not self.far.proxy.busy)
            turns.append(-self.far.proxy.turns)
            taken.append(act())
            turns[-1] += self.far.proxy.turns
        half = statistics.median(taken)
        trips = half * 1000 / self.trip
        print(
            f"{self.trip:4} ms  {what:22} {half:6.3f} s  {trips:5.1f} trips  {statistics.median(turns):4} turns",
            flush=True,
        )
        return half

    def run(self, count: int) -> None:
        """Prints all figures."""
        cold = self.measured("ssh, cold", lambda: self.ssh("-S", "none"), count, self.alone)
        attach = self.measured("attach, cold", self.attach, count, self.alone)
        warm = ("-S", self.control)
        subprocess.run(["ssh", "-M", *warm, "-f", "-N", self.word], env=self.home.env, check=True)
        ready = self.measured("ssh, warm", lambda: self.ssh(*warm), count, lambda: None)
        whole = self.measured("ssh true, warm", lambda: self.whole(*warm), count, lambda: None)
        self.list()
        again = self.measured("attach, warm", self.attach, count, lambda: None)
        listed = self.measured("--list, warm", self.list, count, lambda: None)
        for what, more in (("cold", attach - cold), ("warm", again - ready), ("--list", listed - whole)):
            print(f"{self.trip:4} ms  {what} beyond ssh: {more:.3f} s, {more * 1000 / self.trip:.1f} trips", flush=True)


def main() -> int:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    count = parser.parse_args().rounds
    with measuring() as farm:
        for trip in TRIPS:
            Bench(farm.home, farm, f"box{trip}", trip).run(count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
