"""`python -m bench.links.many`: 50 known hosts of which five hang.

Each host is a user of its own behind a real sshd on loopback. The hanging ones: a connection that stands and passes
nothing, no banner, no answer to connecting, a login that does not come to an end, a sesh there that is stopped. It
prints what the healthy hosts take while all answer, while five hang, and while these five are not known, the last two
by turns; and what `--watch` costs once it has settled, with every ssh of it, where the kernel counts that (cgroups, as
root).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import nan

from tests.remote.farm import Farm, SshHost, measuring
from tests.remote.hanging import WAYS
from tests.support import PROMPT, Home, wait_until

_ASKS = ["--", "sh", "-c", "printf 'go on? '; read x; exec sleep 3000"]
_BETWEEN = 3.0
"""Seconds between two rounds, because work that goes on after a round must not slow the next one."""


def _pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, seconds + 5)


class Cpu:
    """The processor time of some processes and of all that they start, those that have ended among them."""

    _ROOTS = (("/sys/fs/cgroup/cpuacct", "cpuacct.usage"), ("/sys/fs/cgroup", "cpu.stat"))

    def __init__(self) -> None:
        self._root, self._file = next(each for each in self._ROOTS if os.path.exists(os.path.join(*each)))
        self._path = os.path.join(self._root, f"sesh-many-{os.getpid()}")
        os.mkdir(self._path)

    def add(self, pids: list[int]) -> None:
        self._move(pids, self._path)

    def _move(self, pids: list[int], path: str) -> None:
        for pid in pids:
            try:
                with open(os.path.join(path, "cgroup.procs"), "w", encoding="ascii") as file:
                    file.write(str(pid))
            except ProcessLookupError:
                continue

    def seconds(self) -> float:
        with open(os.path.join(self._path, self._file), encoding="ascii") as file:
            words = file.read().split()
        return int(words[0]) / 1e9 if len(words) == 1 else int(words[words.index("usage_usec") + 1]) / 1e6

    def close(self) -> None:
        wait_until(self._emptied, what="nothing is counted any more")

    def _emptied(self) -> bool:
        with open(os.path.join(self._path, "cgroup.procs"), encoding="ascii") as file:
            self._move([int(pid) for pid in file.read().split()], self._root)
        try:
            os.rmdir(self._path)
        except OSError:  # what has just ended is not gone yet
            return False
        return True


class Watched:
    """`sesh --watch --json`: when each host was first listed, and its newest label."""

    def __init__(self, home: Home, env: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.process: subprocess.Popen[bytes] = home.start("--watch", "--json", env=env)
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

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self._reader.join(5)


class Many:
    """The hosts, healthy ones and those that hang later, and the figures of each phase."""

    def __init__(self, home: Home, farm: Farm, count: int, hanging: int, rounds: int, seconds: float) -> None:
        self.home, self.farm, self.rounds, self.seconds = home, farm, rounds, seconds
        every = count // hanging if hanging else count + 1
        self.healthy: list[SshHost] = []
        self.hanging: list[SshHost] = []
        for number in range(1, count + 1):
            hangs = number % every == every // 2 and len(self.hanging) < hanging
            far = farm.host(f"h{number}", proxied=hangs)
            (self.hanging if hangs else self.healthy).append(far)
        named, both = (
            ", ".join(f'"@{far.word}"' for far in hosts) for hosts in (self.healthy, self.healthy + self.hanging)
        )
        home.write(".config/sesh/config.toml", f"[groups]\nhealthy = [{named}]\nall = [{both}]\n")
        for far in (*self.healthy, *self.hanging):
            far.sesh("--open", "work")
        self.last = self.healthy[-1]
        self.last.sesh("--open", "only")
        self.last.sesh("--open", "asks", *_ASKS)
        self.figures: dict[str, dict[str, float]] = {}
        self.env: dict[str, str] = {}
        """The environment of this phase; its XDG_STATE_HOME says which hosts are known."""

    def phase(self, **known: dict[str, str]) -> None:
        """Takes all figures with each of these sets of known hosts, in turns."""
        self.figures |= {name: {} for name in known}
        for what, measure in self._measures():
            samples: dict[str, list[float]] = {name: [] for name in known}
            for _ in range(self.rounds):
                for name, self.env in known.items():
                    samples[name].append(measure())
                    _pause(_BETWEEN)
            for name, each in samples.items():
                self._tell(name, what, statistics.median(each), *each)
        for name, self.env in known.items():
            for what, figure in self._watch().items():
                self._tell(name, what, figure)

    def _tell(self, name: str, what: str, figure: float, *samples: float) -> None:
        self.figures[name][what] = figure
        print(f"{name:8} {what:34} {figure:8.2f}   {' '.join(f'{each:.2f}' for each in samples)}", flush=True)

    def _measures(self) -> Iterator[tuple[str, Callable[[], float]]]:
        yield "--list, s", lambda: self._ended("--list", "--json")
        yield "--list: healthy hosts missing", self._missing
        yield "@group of healthy hosts --list, s", lambda: self._ended("@healthy", "--list", "--json")
        yield "@group of all --list, s", lambda: self._ended("@healthy" if self.env else "@all", "--list", "--json")
        yield "a bare NAME until its prompt, s", lambda: self._shown("only", until=PROMPT)
        yield "@host NAME until its prompt, s", lambda: self._shown(f"@{self.last.word}", "only", until=PROMPT)
        yield "--next until the question, s", lambda: self._shown("--next", until="go on?")
        yield "--pick until the session, s", lambda: self._shown("--pick", until=f"@{self.last.word} only", quit="\x1b")

    def _ended(self, *words: str) -> float:
        began = time.monotonic()
        self.home.sesh(*words, timeout=90, env=self.env)
        return time.monotonic() - began

    def _missing(self) -> float:
        rows = self.home.sesh("--list", "--json", timeout=90, env=self.env).json()
        told = {row["host"] for row in rows if "stale" not in row}
        return float(len({far.word for far in self.healthy} - told))

    def _shown(self, *words: str, until: str, quit: str = "\x1c") -> float:  # noqa: A002
        began = time.monotonic()
        terminal = self.home.terminal(*words, rows=70, columns=120, env=self.env)
        try:
            terminal.wait_for(until, 30)
        except AssertionError:  # such as a host that did not answer in time on a busy machine, and a question for it
            print(f"    {' '.join(words)}: {terminal.text().strip().splitlines()[-1]}", flush=True)
            terminal.close()
            return nan
        taken = time.monotonic() - began
        terminal.type(quit)
        terminal.exit_code()
        return taken

    def _watch(self) -> dict[str, float]:
        """Measures `--watch`: when healthy hosts and their changes show, an attach beside it, its cost, and its end."""
        words = {far.word for far in self.healthy}
        painted = self._shown("--watch", until=f"@{self.last.word}", quit="\x1b")
        watched = Watched(self.home, self.env)
        try:
            wait_until(lambda: words <= watched.first.keys(), 90)
            arrived = [watched.first[word] for word in words]
            _pause(10)  # held links follow the first answers
            changes = [self._change(watched, far, str(number)) for number, far in enumerate(self.healthy[-9::2])]
            beside = self._shown(f"@{self.last.word}", "only", until=PROMPT)
            _pause(30)
            cpu = Cpu()
            cpu.add([watched.process.pid, *self.home.processes()])
            calls, before, began = len(self.farm.calls()), cpu.seconds(), time.monotonic()
            _pause(self.seconds)
            passed = time.monotonic() - began
            spent, called = cpu.seconds() - before, len(self.farm.calls()) - calls
            late = [self._change(watched, far, f"late{number}") for number, far in enumerate(self.healthy[-9::2])]
            began = time.monotonic()
        finally:
            watched.close()
        left = time.monotonic() - began
        cpu.close()
        return {
            "--watch: the last host painted, s": painted,
            "--watch: all healthy hosts, s": max(arrived),
            "--watch: a change shown, worst, s": max(changes + late),
            "@host NAME beside --watch, s": beside,
            "--watch: % of a core": 100 * spent / passed,
            "--watch: ssh started a second": called / passed,
            "--watch: leaving it, s": left,
        }

    def _change(self, watched: Watched, far: SshHost, value: str) -> float:
        far.sesh("--label", "work", f"n={value}")
        began = time.monotonic()
        wait_until(lambda: value in watched.labels.get(far.word, ""), 60)
        return time.monotonic() - began

    def hang(self) -> None:
        """Has the hosts hang, each in a way of its own."""
        ways = [*WAYS.values()]
        for number, far in enumerate(self.hanging):
            ways[number % len(ways)](far)

    def without(self) -> dict[str, str]:
        """Returns an environment in which the hanging hosts are not known."""
        folder = os.path.join(self.home.path, "without")
        shutil.copytree(os.path.join(self.home.path, ".local/state"), folder)
        words = {far.word for far in self.hanging}
        path = os.path.join(folder, "sesh/remotes.json")
        with open(path, encoding="utf-8") as file:
            hosts = json.load(file)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({host: facts for host, facts in hosts.items() if host not in words}, file)
        return {"XDG_STATE_HOME": folder}


@contextmanager
def many(count: int, hanging: int, rounds: int, seconds: float) -> Iterator[Many]:
    """The hosts, each asked once."""
    with measuring() as farm:
        stand = Many(farm.home, farm, count, hanging, rounds, seconds)
        for far in (*stand.healthy, *stand.hanging):
            assert farm.home.sesh(far.at, "--list", timeout=60).code == 0
        yield stand


def main() -> int:
    """Prints the figures of each phase, and how much slower the healthy hosts become."""
    parser = argparse.ArgumentParser(prog="python -m bench.links.many", description=__doc__)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--hanging", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60, help="how long what --watch costs is measured")
    given = parser.parse_args()
    with many(given.hosts, given.hanging, given.rounds, given.seconds) as stand:
        stand.phase(all={})
        stand.hang()
        stand.phase(hang={}, unknown=stand.without())
    print(f"{'':36}{'all':>8}{'hang':>8}{'unknown':>8}{'late':>8}")
    for what in stand.figures["all"]:
        row = [figures[what] for figures in stand.figures.values()]
        print(f"{what:36}{row[0]:8.2f}{row[1]:8.2f}{row[2]:8.2f}{row[1] - max(row[0], row[2]):8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
