"""`python -m bench.many [COUNT [CHECKOUT]]`: processor time of creating, executing and listing, up to COUNT sessions.

Each figure is the median of rounds in which the programs take turns, in milliseconds and as a multiple of
`python -IS -c pass`: of the process that was started, and of all processes together (daemons, zygote, programs), which
a control group tells that this user may make (as root, mostly). `CHECKOUT`: another sesh that takes turns with this
one. From 1,000 sessions on it also measures the watch list, the picker and the end of all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from bench.building import ROOT, copy
from bench.contenders import Sesh
from bench.material import SLEEPING
from bench.window import PATIENCE, Late, Window

ROUNDS = 21
COUNTS = (1, 20, 100, 1000)
_GROUPS = "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"
"""Where control groups count processor time: of the first version, of the second."""
_DEFAULTS = (1, 2, 13, 15)

Times = tuple[float, float]
"""Milliseconds of processor time: of a process with those that it waited for, of all that it caused."""


class Group:
    """A control group that counts processor time; counts nothing where this user may make none."""

    def __init__(self, name: str) -> None:
        self._folder = self._outer = ""
        for parent in _GROUPS:
            folder = os.path.join(parent, f"{name}-{os.getpid()}")
            try:
                os.mkdir(folder)
            except OSError:
                continue
            if any(os.path.exists(os.path.join(folder, entry)) for entry in ("cpuacct.usage", "cpu.stat")):
                self._folder, self._outer = folder, parent
                return
            os.rmdir(folder)

    def __bool__(self) -> bool:
        return bool(self._folder)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """What is started meanwhile belongs to the group."""
        self._move(self._folder)
        try:
            yield
        finally:
            self._move(self._outer)

    def _move(self, folder: str) -> None:
        if folder:
            with open(os.path.join(folder, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write("0")

    def spent(self) -> float:
        """Milliseconds that its processes have had so far."""
        if not self._folder:
            return 0.0
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self._folder, "cpuacct.usage"), "rb") as file:
            return int(file.read()) / 1e6
        with open(os.path.join(self._folder, "cpu.stat"), "rb") as file:
            return int(file.read().split()[1]) / 1e3

    def close(self) -> None:
        """Removes it, once its last process has ended."""
        deadline = time.monotonic() + PATIENCE
        while self._folder and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)
                return
            time.sleep(0.05)


class Program:
    """A sesh, or the bare interpreter, that is measured in a group of its own."""

    def __init__(self, name: str, folder: str, checkout: str = "") -> None:
        self.name, self.group = name, Group(f"sesh-bench-{name}")
        os.mkdir(folder)
        self.sesh: Sesh | None = None
        self.count = 0
        """Sessions that stay."""
        self.environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder}
        if checkout:
            program, self.python = copy(folder, checkout)
            os.mkdir(home := os.path.join(folder, "home"))
            self.sesh = Sesh(home, program)
            self.environment = self.sesh.environment

    def run(self, words: list[str], settle: Callable[[], None] | None = None) -> Times:
        """Runs a command to its end, and `settle` after it. Raises Late where it fails."""
        actions = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in (0, 1, 2)]
        before = self.group.spent()
        with self.group.inside():
            pid = os.posix_spawnp(words[0], words, self.environment, file_actions=actions, setsigdef=_DEFAULTS)
        _, status, usage = os.wait4(pid, 0)
        if status:
            raise Late(f"{os.waitstatus_to_exitcode(status)}: {' '.join(words)}")
        if settle is not None:
            settle()
        own = (usage.ru_utime + usage.ru_stime) * 1000
        return own, (self.group.spent() - before) if self.group else own

    def settle(self) -> None:
        """Waits until its processes rest."""
        before = -1.0
        while (now := self.group.spent()) != before:
            before = now
            time.sleep(0.03)


class Table:
    """The figures, printed row by row."""

    def __init__(self, bare: Program, programs: list[Program], rounds: int) -> None:
        self._bare, self._programs, self._rounds = bare, programs, rounds
        self._base = [sys.executable, "-IS", "-c", "pass"]
        print("| | program | process, ms | x bare | all together, ms | x bare |\n|---|---|---|---|---|---|")

    def row(self, title: str, take: Callable[[Program], Times], rounds: int = 0) -> dict[str, Times]:
        """Measures in turns; medians by program."""
        found: dict[str, list[Times]] = {each.name: [] for each in [self._bare, *self._programs]}
        for _ in range(rounds or self._rounds):
            found["bare"].append(self._bare.run([self._programs[0].python, *self._base[1:]]))
            for program in self._programs:
                found[program.name].append(take(program))
        medians = {
            name: (statistics.median(own for own, _ in times), statistics.median(all_ for _, all_ in times))
            for name, times in found.items()
        }
        bare = medians["bare"]
        for name, (own, everything) in medians.items():
            cells = f"{own:.2f} | {own / bare[0]:.2f} | {everything:.2f} | {everything / bare[1]:.2f}"
            print(f"| {title} | {name} | {cells} |", flush=True)
        return medians


def create(program: Program) -> Times:
    """A session that is created; its end is not counted."""
    assert program.sesh is not None  # noqa: S101
    times = program.run(program.sesh.create("made", SLEEPING), program.settle)
    program.run([program.sesh.program, "--kill", "made"])
    program.settle()
    return times


def execute(program: Program) -> Times:
    """`true` as a job, from its start to its end."""
    assert program.sesh is not None  # noqa: S101
    return program.run([program.sesh.program, "--exec", "--", "true"], program.settle)


def list_all(program: Program) -> Times:
    """The list."""
    assert program.sesh is not None  # noqa: S101
    return program.run([program.sesh.program, "--list"], program.settle)


def fill(program: Program, count: int) -> None:
    """Creates sessions until there are so many."""
    assert program.sesh is not None  # noqa: S101
    while program.count < count:
        program.run(program.sesh.create(f"s{program.count}", SLEEPING))
        program.count += 1


def _look(window: Window, seconds: float) -> None:
    """Reads what is shown for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        window.read()
        time.sleep(0.05)


def watch(program: Program, seconds: float = 40.0) -> tuple[float, float]:
    """The share of a core that the watch list takes at rest, and that with the daemons, in percent."""
    assert program.sesh is not None  # noqa: S101
    with program.group.inside():
        window = Window([program.sesh.program, "--watch"], program.environment, rows=50)
    try:
        window.until(b"sleep", 60)
        _look(window, seconds / 4)
        before, own = program.group.spent(), _spent(window.pid)
        _look(window, seconds)
        share = 0.1 / seconds
        return (_spent(window.pid) - own) * share, (program.group.spent() - before) * share
    finally:
        window.close(b"q")


def _spent(pid: int) -> float:
    """Milliseconds of processor time of a process, all threads."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file:
            total += int(file.read().split()[0])
    return total / 1e6


def pick(program: Program) -> tuple[float, float]:
    """Milliseconds until the picker shows a record, and until it shows a state."""
    assert program.sesh is not None  # noqa: S101
    window = Window([program.sesh.program, "--pick"], program.environment, rows=50)
    try:
        records = window.until(b"sleep", 60)
        states = window.until(b"\x1b[?2026h", 60)  # the next picture
        return (records - window.began) * 1000, (states - window.began) * 1000
    finally:
        window.close(b"\x1b", b"q")


def main() -> int:
    """Prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    checkouts = [ROOT, *sys.argv[2:]]
    folder = tempfile.mkdtemp(prefix="sesh-bench-")
    programs = []
    bare = Program("bare", os.path.join(folder, "bare"))
    try:
        for number, checkout in enumerate(checkouts):
            name = "this" if number == 0 else os.path.basename(checkout.rstrip("/"))
            programs.append(Program(name, os.path.join(folder, name), checkout))
        table = Table(bare, programs, ROUNDS)
        table.row("create, no zygote", create)
        table.row("exec, no zygote", execute)
        for number in COUNTS:
            if number > count:
                break
            for program in programs:
                fill(program, number)
                program.settle()
            table.row(f"list {number}", list_all, 5 if number > 100 else 0)
            if number == 20:
                table.row("create, zygote", create)
                table.row("exec, zygote", execute)
            if number >= 1000:
                for program in programs:
                    _at_full_size(program)
        return 0
    finally:
        for program in programs:
            assert program.sesh is not None  # noqa: S101
            program.sesh.quit()
            program.group.close()
        bare.group.close()
        shutil.rmtree(folder, ignore_errors=True)


def _at_full_size(program: Program) -> None:
    assert program.sesh is not None  # noqa: S101
    own, everything = watch(program)
    print(f"{program.name}: watch at rest {own:.2f} % of a core, {everything:.2f} with the daemons", flush=True)
    records, states = pick(program)
    print(f"{program.name}: the picker shows records after {records:.0f} ms, states after {states:.0f}", flush=True)
    began = time.monotonic()
    own, everything = program.run([program.sesh.program, "--kill-all", "-y"], program.settle)
    print(
        f"{program.name}: all killed after {time.monotonic() - began:.1f} s, {own:.0f} ms of processor time, "
        f"{everything:.0f} with the daemons",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
