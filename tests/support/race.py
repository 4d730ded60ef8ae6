"""Commands that begin at the same moment, and the home after their end."""

from __future__ import annotations

import json
import os
import re
import signal
import termios
from dataclasses import dataclass, field
from typing import Any

from sesh.system.processes import command_of, start_time
from tests.support import processes
from tests.support.home import Home, Result
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until


@dataclass
class Race:
    """Commands of one home that begin at the same moment."""

    home: Home
    number: int
    """The number of the round, which decides which command goes on first."""
    results: list[Result] = field(default_factory=list)

    def run(self, *lines: tuple[str, ...], keys: bytes = b"") -> list[Result]:
        """Run the lines at once; a line after `tty` gets a terminal, with `keys`."""
        started: list[tuple[tuple[str, ...], Any]] = []
        for line in lines:
            tty = line[0] == "tty"
            runs = self.home.terminal(*line[1:], held=True) if tty else self.home.start(*line, held=True)
            started.append((line, runs))
        pids = [runs.pid for _, runs in started]
        wait_until(lambda: all(map(processes.stopped, pids)), "all commands are stopped before they begin")
        first = self.number % len(pids)
        for pid in pids[first:] + pids[:first]:
            os.kill(pid, signal.SIGCONT)
        self.results = [self._ended(line, runs, keys) for line, runs in started]
        for each in self.results:
            said = each.stdout + each.stderr
            assert "internal error" not in said, each
            assert "Traceback" not in said, each
        return self.results

    def _ended(self, line: tuple[str, ...], runs: Any, keys: bytes) -> Result:
        if isinstance(runs, Terminal):
            runs.wait_until(
                lambda: not runs.alive or not runs.termios()[3] & termios.ICANON,
                "the terminal is in raw mode, or sesh has ended",
            )
            runs.type(keys)
            code = runs.exit_code()
            return Result(("sesh", *line), code, bytes(runs.raw), runs.text())
        out, err = runs.communicate(timeout=30)
        return Result(("sesh", *line), runs.returncode, out, err.decode())

    @property
    def codes(self) -> list[int]:
        return [each.code for each in self.results]

    @property
    def story(self) -> str:
        return "\n".join(f"{each.command} {each.code} {each.stdout!r} {each.stderr!r}" for each in self.results)

    def check(self) -> dict[str, dict[str, Any]]:
        """Check that nothing is lost and nothing is left over; return the sessions by name."""
        home = self.home
        wait_until(lambda: not self.loose(), f"nothing loose after\n{self.story}", portrait=self.loose)
        found: dict[str, dict[str, Any]] = {}

        def answered() -> bool:
            found.clear()
            found.update({each["name"]: each for each in home.sesh("list", "--json").json()})
            return all(each.get("responding", True) or each["state"] != "running" for each in found.values())

        wait_until(answered, f"each daemon answers after\n{self.story}")
        assert sorted(found) == home.names(), self.story
        for name, each in found.items():
            if each["state"] == "running":
                assert os.path.exists(os.path.join(home.directory, f"{name}.sock")), (each, self.story)
        return found

    def loose(self) -> str:
        """Return what does not belong to a session: files, and daemons without a session."""
        home, ids, daemons, loose = self.home, set(), set(), []
        for name in home.names():
            try:
                with open(os.path.join(home.directory, f"{name}.json")) as file:
                    record = json.load(file)
            except (FileNotFoundError, ValueError):
                return "a record that is just going"
            if record["id"] in ids:
                loose.append(f"{name} has the id of another")
            ids.add(record["id"])
            if start_time(record["daemon_pid"]):
                daemons.add(record["daemon_pid"])
        for entry in os.listdir(home.directory):
            of = re.fullmatch(r"\.(?:checkpoint|screen|env|agent)\.([0-9a-f]+)", entry)
            name = entry.rpartition(".")[0]
            if of is not None:  # first, because an id of decimal digits looks like a pid
                belongs = of[1] in ids
            elif entry == "bin":  # the shims stay
                belongs = True
            elif entry[:1] != ".":
                belongs = name in home.names()
            else:
                unfinished = re.fullmatch(r"\..*\.\d+(\.sock)?|\.\d+\.sock", entry)
                belongs = unfinished is None or entry.startswith(".terminal.")
            if not belongs:
                loose.append(entry)
        running = {pid for pid in home.processes() if is_daemon(pid)}
        return " ".join([*loose, *(f"daemon {pid}" for pid in running ^ daemons)])


def is_daemon(pid: int) -> bool:
    title = " ".join(command_of(pid))
    return title.startswith("sesh: ") and title != "sesh: zygote"
