"""`python -m bench.links.many`: 50 known hosts of which five hang.

Each host is a user of its own behind a real sshd on loopback. The hanging ones: a connection that stands and passes
nothing, no banner, no answer to connecting, a login that does not come to an end, a sesh there that is stopped. It
prints what the healthy hosts take while all answer, and while five hang; and what `--watch` costs once it has settled.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from math import nan

from bench.window import spent
from tests.remote.farm import Farm, SshHost, measuring
from tests.remote.hanging import WAYS
from tests.support import PROMPT, wait_until
from tests.support.waiting import rest_until

_ASKS = ["--", "sh", "-c", "printf 'go on? '; read x; exec sleep 3000"]
_BETWEEN, _SETTLES = 3.0, 30.0
"""Seconds between two rounds, because work that goes on after a round must not slow the next one; and until `--watch`
has settled."""
_CHANGED = 5
"""Hosts of which a label is changed while `--watch` runs."""


class Watched:
    """`sesh watch --json`: when each host was first listed, and its newest label."""

    def __init__(self, farm: Farm) -> None:
        self.began = time.monotonic()
        self.process = farm.home.start("--watch", "--json")
        self.first: dict[str, float] = {}
        self.labels: dict[str, str] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            now = time.monotonic() - self.began
            for row in json.loads(line):
                if row["host"] and row["name"] == "work" and "stale" not in row:
                    self.first.setdefault(row["host"], now)
                    self.labels[row["host"]] = row["labels"].get("n", "")

    def change(self, far: SshHost) -> float:
        """Change a host's label; return the seconds until it is told."""
        value = str(time.monotonic_ns())
        far.sesh("--label", "work", f"n={value}")
        began = time.monotonic()
        wait_until(lambda: self.labels.get(far.word) == value, 60)
        return time.monotonic() - began

    def close(self) -> float:
        """Leave it; return the seconds that it takes."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self._reader.join(5)
        return time.monotonic() - began


class Many:
    """The hosts, healthy ones and those that hang later, and what they take."""

    def __init__(self, farm: Farm, count: int, hanging: int, rounds: int, seconds: float) -> None:
        self.home, self.farm, self.rounds, self.seconds = farm.home, farm, rounds, seconds
        self.hanging = [farm.host(f"h{number}", proxied=True) for number in range(hanging)]
        self.healthy = [farm.host(f"h{number}") for number in range(hanging, count)]
        every = [*self.healthy, *self.hanging]
        named, both = (", ".join(f'"@{far.word}"' for far in hosts) for hosts in (self.healthy, every))
        self.home.write(".config/sesh/config.toml", f"[groups]\nhealthy = [{named}]\nall = [{both}]\n")
        self.last = self.healthy[-1]
        for far in every:
            far.sesh("--open", "work")
        self.last.sesh("--open", "only")
        self.last.sesh("--open", "asks", *_ASKS)
        for far in every:
            assert self.home.sesh(far.at, "--list", timeout=60).code == 0

    def figures(self) -> dict[str, float]:
        """Take all figures, and print them as they come."""
        found = {}
        for what, measure in self._measures().items():
            samples = []
            for _ in range(self.rounds):
                samples.append(measure())
                rest_until(time.monotonic() + _BETWEEN)
            found[what] = statistics.median(samples)
            print(f"{what:36}{found[what]:8.2f}", flush=True)
        return {**found, **self._watch()}

    def _measures(self) -> dict[str, Callable[[], float]]:
        at = f"@{self.last.word}"
        return {
            "--list, s": partial(self._ended, "--list", "--json"),
            "--list: healthy hosts missing": self._missing,
            "@group of healthy hosts --list, s": partial(self._ended, "@healthy", "--list", "--json"),
            "@group of all --list, s": partial(self._ended, "@all", "--list", "--json"),
            "a bare NAME until its prompt, s": partial(self._shown, "only", until=PROMPT),
            "@host NAME until its prompt, s": partial(self._shown, at, "only", until=PROMPT),
            "--next until the question, s": partial(self._shown, "--next", until="go on?"),
            "--pick until the session, s": partial(self._shown, "--pick", until=f"{at} only", leave="\x1b"),
        }

    def _ended(self, *words: str) -> float:
        began = time.monotonic()
        self.home.sesh(*words, timeout=90)
        return time.monotonic() - began

    def _missing(self) -> float:
        rows = self.home.sesh("--list", "--json", timeout=90).json()
        told = {row["host"] for row in rows if "stale" not in row}
        return float(len({far.word for far in self.healthy} - told))

    def _shown(self, *words: str, until: str, leave: str = "\x1c") -> float:
        began = time.monotonic()
        terminal = self.home.terminal(*words, rows=70, columns=120)
        try:
            terminal.wait_for(until, 30)
        except AssertionError:  # such as a host that did not answer in time on a busy machine, and a question for it
            print(f"    {' '.join(words)}: {terminal.text().strip().splitlines()[-1]}", flush=True)
            terminal.close()
            return nan
        taken = time.monotonic() - began
        terminal.type(leave)
        terminal.exit_code()
        return taken

    def _watch(self) -> dict[str, float]:
        """Measure how soon `--watch` shows hosts and changes, what it costs, and its end."""
        words = {far.word for far in self.healthy}
        figures = {
            "--watch: the last host painted, s": self._shown("--watch", until=f"@{self.last.word}", leave="\x1b")
        }
        watched = Watched(self.farm)
        try:
            wait_until(lambda: words <= watched.first.keys(), 90)
            figures["--watch: all healthy hosts, s"] = max(watched.first[word] for word in words)
            rest_until(time.monotonic() + _SETTLES)
            changes = [watched.change(far) for far in self.healthy[-_CHANGED:]]
            figures["--watch: a change shown, worst, s"] = max(changes)
            figures["@host NAME beside --watch, s"] = self._shown(f"@{self.last.word}", "only", until=PROMPT)
            pids = [watched.process.pid, *self.home.processes()]
            calls, before, began = len(self.farm.calls()), spent(pids), time.monotonic()
            rest_until(began + self.seconds)
            passed = time.monotonic() - began
            figures["--watch: % of a core"] = 100 * (spent(pids) - before) / passed
            figures["--watch: ssh started a second"] = (len(self.farm.calls()) - calls) / passed
        finally:
            figures["--watch: leaving it, s"] = watched.close()
        return figures

    def hang(self) -> None:
        """Have the hosts hang, each in a way of its own."""
        ways = [*WAYS.values()]
        for number, far in enumerate(self.hanging):
            ways[number % len(ways)](far)


def main() -> int:
    """Print the figures of both phases, and how much slower the healthy hosts become."""
    parser = argparse.ArgumentParser(prog="python -m bench.links.many", description=__doc__)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--hanging", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60, help="how long the cost of --watch is measured")
    given = parser.parse_args()
    with measuring() as farm:
        stand = Many(farm, given.hosts, given.hanging, given.rounds, given.seconds)
        before = stand.figures()
        stand.hang()
        hanging = stand.figures()
    print(f"{'':36}{'all':>8}{'hang':>8}{'late':>8}")
    for what, figure in hanging.items():
        print(f"{what:36}{before[what]:8.2f}{figure:8.2f}{figure - before[what]:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
