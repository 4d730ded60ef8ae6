"""What each verb costs in processor time, beside the interpreter alone: `python -IS -c pass`.

Of a verb that asks, it is the time of its own process (and of children that it has waited for); of attaching, until
the content shows. Of `create` and `exec` it is that of everything that works for them: the verb, the daemon, and the
process that daemons are forked from. The system tells it for each process; other work on the machine is not in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench.contenders import Sesh
from bench.field import Field
from bench.figures import MANY, OURS, STARTS, Row, Take
from bench.material import SLEEPING
from bench.starting import CONTENT
from bench.window import Late, Window, processor_time, run, spent

VERBS = {
    "--send": ["--send", "work", "x"],
    "--run": ["--run", "shell", "--", "true"],
    "--status": ["--status", "work"],
    "--screen": ["--screen", "work"],
    "--logs": ["--logs", "work"],
    "--label": ["--label", "work", "kind=bench"],
    "--message": ["--message", "work", "text"],
    "--grep": ["--grep", "CONTENT"],
    "--export": ["--export"],
    "--completions": ["--completions", "bash"],
}
FAST = ("attach", "--send", "--run", "--status", "--screen", "--logs")
"""What people and scripts do all the time."""
EVERY = ("--grep", "--export")
"""What looks at every session."""
NAME = "kept"
"""What the names of sessions begin with that do nothing."""
GROWTH = 1.2
"""By which factor the same verb may take longer beside 100 sessions."""
COUNTS = {1: 1.6, 20: 2.2, 100: 3.0}
"""Sessions that are listed, and the goal."""
Takes = list[tuple[Row, Take]]
_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER."""


class Asker:
    """What the verbs of sesh cost in milliseconds. A context manager: its sessions end with it."""

    def __init__(self, field: Field) -> None:
        self.field, self.sesh = field, field.sesh
        self.names = ["named", "renamed"]
        self.opened = 0

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Late):
            run([self.sesh.program, "--kill-all", "-y"], self.sesh.environment)

    def open(self, name: str, words: list[str]) -> None:
        """Makes a session that stays."""
        self.opened += 1
        run(self.sesh.create(name, words), self.sesh.environment)

    def open_until(self, count: int) -> None:
        """Makes sessions that do nothing until there are so many."""
        while self.opened < count:
            self.open(f"{NAME}{self.opened}", SLEEPING)

    def bare(self) -> float:
        """The interpreter alone."""
        return spent([self.field.python, "-IS", "-c", "pass"], self.sesh.environment) * 1000

    def verb(self, *words: str) -> float:
        """A verb that asks."""
        return spent([self.sesh.program, *words], self.sesh.environment) * 1000

    def rename(self) -> float:
        """To one name and back again."""
        self.names.reverse()
        return self.verb("--rename", *reversed(self.names))

    def attach(self) -> float:
        """Until the content shows."""
        window = Window(self.sesh.attach("work"), self.sesh.environment)
        try:
            window.until(CONTENT, 20)
            return processor_time(window.pid) * 1000
        finally:
            window.close(*self.sesh.detach)

    def create(self) -> float:
        """A detached session, which is ended again."""
        name = self.field.name()
        took = whole(self.sesh, self.sesh.create(name, SLEEPING))
        self.sesh.kill(name)
        reap()
        return took

    def execute(self) -> float:
        """`true` in a session of its own, less what `true` takes by itself."""
        alone = spent(["true"], self.sesh.environment) * 1000
        return whole(self.sesh, self.sesh.execute(["true"]) or []) - alone


def whole(sesh: Sesh, words: list[str]) -> float:
    """Milliseconds of processor time of a command and of all processes that keep sessions: what they used until all are
    at rest, those that have ended counted in."""
    before, _ = _at_rest(sesh)
    total = spent(words, sesh.environment)
    now, ended = _at_rest(sesh)
    used = {**now, **ended}
    return (total + sum(seconds - before.get(pid, 0.0) for pid, seconds in used.items())) * 1000


def _at_rest(sesh: Sesh) -> tuple[dict[int, float], dict[int, float]]:
    """Seconds of processor time of the processes that keep sessions, once they use none, and of those that have ended
    meanwhile."""
    now: dict[int, float] = {}
    ended = {}
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        last, now = now, {pid: processor_time(pid) for pid in sesh.processes()}
        ended.update(reap())
        if now and now == last:
            break
        time.sleep(0.03)
    return now, ended


def reap() -> dict[int, float]:
    """Seconds of processor time of the orphans that have ended, by pid, with the children that they have waited for."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                break
            ended[pid] = usage.ru_utime + usage.ru_stime
    return ended


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Has orphaned descendants become children of this process for a while: the system tells a parent alone what a
    process has used that has ended."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SUBREAPER, 0, 0, 0, 0)
        reap()


def ask(field: Field) -> list[Row]:
    """Every verb with few sessions; making sessions without a zygote and from it; the list of 1, 20 and 100; with 100
    sessions, every verb again. The quick run has no 100."""
    if not sys.platform.startswith("linux"):
        return []
    rounds = field.rounds(21, 5)
    lists = {count: _list_row(count, factor) for count, factor in COUNTS.items()}
    hows = ("without a zygote", "from the zygote")
    alone, forked = ({name: _making_row(name, how) for name in ("create", "exec")} for how in hows)
    with adopting(), Asker(field) as asker:
        listed = functools.partial(asker.verb, "--list")
        making: dict[str, Take] = {"create": asker.create, "exec": asker.execute}
        asker.open("work", ["sh", "-c", f"printf {CONTENT.decode()}; exec cat"])
        _take(asker, [(lists[1], listed), *((alone[name], take) for name, take in making.items())], rounds)
        asker.open("shell", ["sh"])
        asker.open("named", SLEEPING)
        verbs = _verbs(asker)
        few = {name: _verb_row(name) for name in verbs}
        _take(asker, [(few[name], take) for name, take in verbs.items()], rounds)
        asker.open_until(20)
        _take(asker, [(lists[20], listed), *((forked[name], take) for name, take in making.items())], rounds)
        rows = [*few.values(), *alone.values(), *forked.values(), lists[1], lists[20]]
        if field.quick:
            return rows
        asker.open_until(100)
        many = {name: _many_row(few[name]) for name in verbs}
        _take(asker, [(lists[100], listed), *((many[name], take) for name, take in verbs.items())], 11)
    return [*rows, lists[100], *many.values()]


def _verbs(asker: Asker) -> dict[str, Take]:
    takes: dict[str, Take] = {"attach": asker.attach}
    for name, words in VERBS.items():
        takes[name] = functools.partial(asker.verb, *words)
    takes["--rename"] = asker.rename
    return takes


def _take(asker: Asker, takes: Takes, rounds: int) -> None:
    """Fills the rows in turns, and each with the interpreter's own start in the same turn. The first turn, which may
    write bytecode, does not count; what fails is left out from then on."""
    failed: set[str] = set()
    for turn in range(rounds + 1):
        bare = asker.bare()
        for row, take in takes:
            if row.key in failed:
                continue
            try:
                value = take()
            except Late as error:
                failed.add(row.key)
                row.notes.append(str(error))
                asker.field.log(f"    {row.title}: {error}")
                continue
            if turn:
                row.add(OURS, value)
                row.add("bare", bare)


def _goal(factor: float) -> dict[str, Any]:
    return {"said": f"{factor:g} x bare", "goal": lambda medians: factor * medians["bare"]}


def _verb_row(name: str) -> Row:
    title = f"{name}, processor time"
    return Row(f"cpu-{name}", title, "ms", line=STARTS, short=name, **_goal(1.6 if name in FAST else 2.5))


def _making_row(name: str, how: str) -> Row:
    key, title = f"cpu-{name}-{how.rpartition(' ')[2]}", f"{name} {how}, processor time of all"
    return Row(key, title, "ms", line=STARTS, short=f"{name} {how}", **_goal(2.5))


def _list_row(count: int, factor: float) -> Row:
    sessions = "1 session" if count == 1 else f"{count} sessions"
    line = MANY if count > 20 else STARTS
    title = f"list {sessions}, processor time"
    return Row(f"cpu-list-{count}", title, "ms", line=line, short=f"list {count}", **_goal(factor))


def _many_row(few: Row) -> Row:
    """The same verb beside 100 sessions; its goal is what it took beside few, as a multiple of the interpreter's start.
    What looks at every session has none."""
    row = Row(f"{few.key}-of-100", f"{few.title}, 100 sessions", "ms", line=MANY)
    row.samples["alone"] = list(few.samples.get(OURS, ()))
    if few.short not in EVERY:
        row.short, row.said = "verbs beside 100 sessions", f"{GROWTH} x alone"
        row.goal = lambda medians: GROWTH * medians["alone"] * medians["bare"] / few.medians["bare"]
    return row
