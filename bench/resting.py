"""Costs of sessions that do nothing: memory, processor time and wakeups. Only Linux counts them; elsewhere rows are
empty."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from bench.contenders import Contender
from bench.field import Field
from bench.figures import MEMORY, REST, Row
from bench.starting import CONTENT
from bench.window import Window, show, spent

COUNT, MANY = 20, 100
IDLE = 10.0
SETTLING = 11.0
"""Seconds until every tool has finished its work after output: sesh checks the state of a session for ten."""


def pss(pid: int) -> float:
    """MiB of memory of a process, shared pages by their share."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def _spent(pids: list[int]) -> tuple[float, float]:
    """Returns the processor time (ms) of these processes, and how often they and their threads were woken."""
    wakeups = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as file:
                wakeups += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return spent(pids) * 1000, wakeups


def rest(field: Field) -> list[Row]:
    """Measures the memory of idle sessions, and their work in 10 s.

    First it takes the memory of 20 sessions that printed a line, again after a client was attached to each, and the
    memory of 100 such sessions. Then it takes the memory of 20 sessions that printed 10,000 lines, and their work,
    detached and attached. The quick run takes only the memory of the latter, for sesh and tmux.
    """
    if not os.path.exists("/proc/self/smaps_rollup"):
        return []
    memory = Row(
        "memory", f"PSS of {COUNT} sessions of 10,000 lines", "MiB", said="tmux", goal=lambda m: m["tmux"],
        line=MEMORY, short=f"{COUNT} sessions of 10,000 lines", charted=True,
    )  # fmt: skip
    small = Row(
        "memory-small", f"PSS of {COUNT} sessions that printed a line", "MiB", said="55 MiB", goal=lambda _: 55.0,
        line=MEMORY, short=f"{COUNT} of one line", charted=True,
    )  # fmt: skip
    after = Row(
        "memory-seen", f"PSS of {COUNT} sessions of 10,000 lines, after attaching", "MiB",
        line=MEMORY, short="after attaching",
    )  # fmt: skip
    many = Row(
        "memory-many", f"PSS of {MANY} sessions that printed a line", "MiB", said="220 MiB", goal=lambda _: 220.0,
        line=MEMORY, short=f"{MANY} of one line",
    )  # fmt: skip
    visited = Row(
        "memory-visited", f"PSS of {COUNT} sessions that printed a line, after attaching", "MiB",
        said="1 MiB a session more", goal=lambda _: small.medians["sesh"] + COUNT, line=MEMORY,
        short=f"{COUNT} of one line after attaching",
    )  # fmt: skip
    within = f"in {IDLE:g} s, {COUNT} sessions"
    nothing: dict[str, Any] = {"said": "0", "goal": lambda _: 0.0, "line": REST}
    away = Row("idle-wakeups", f"wakeups {within} detached", "", short="wakeups", **nothing)
    busy = Row("idle-cpu", f"processor time {within} detached", "ms", short="processor time", **nothing)
    attached = Row("idle-attached", f"wakeups {within}, one client each", "", short="wakeups attached", **nothing)
    script = [field.python, "-IS", os.path.join(field.material, "showing.py")]
    compared = [tool for tool in field.tools if not field.quick or tool.name in ("sesh", "tmux")]
    if not field.quick:
        with sessions(field, compared, [*script, "0"]) as names:
            _hold(small, compared)
            with windows(compared, names):
                pass
            time.sleep(SETTLING)
            _hold(visited, compared)
        with sessions(field, compared, [*script, "0"], MANY):
            _hold(many, compared)
    with sessions(field, compared, [*script, "10000"]) as names:
        _hold(memory, compared)
        if field.quick:
            return [memory]
        for name, (worked, wakeups) in _idle({tool.name: tool.processes() for tool in compared}).items():
            busy.add(name, worked)
            away.add(name, wakeups)
        with windows(compared, names) as opened:
            time.sleep(SETTLING)
            pids = {tool.name: tool.processes() + [window.pid for window in opened[tool.name]] for tool in compared}
            for name, (_, wakeups) in _idle(pids).items():
                attached.add(name, wakeups)
        _hold(after, compared)
    return [memory, after, small, visited, many, away, busy, attached]


@contextlib.contextmanager
def sessions(
    field: Field, contenders: list[Contender], words: list[str], count: int = COUNT
) -> Iterator[dict[str, list[str]]]:
    """Yields the names of `count` idle sessions of each contender."""
    with contextlib.ExitStack() as stack:
        names = {
            contender.name: [stack.enter_context(field.session(contender, words)) for _ in range(count)]
            for contender in contenders
        }
        time.sleep(SETTLING)
        yield names


def _hold(row: Row, contenders: list[Contender]) -> None:
    """Adds the MiB of all processes that keep each one's sessions."""
    for contender in contenders:
        row.add(contender.name, sum(map(pss, contender.processes())))


@contextlib.contextmanager
def windows(
    contenders: list[Contender], names: dict[str, list[str]], mark: bytes = CONTENT
) -> Iterator[dict[str, list[Window]]]:
    """Yields a client of each session, by contender, once all have shown the mark; detaches them at the end."""
    opened: dict[str, list[Window]] = {contender.name: [] for contender in contenders}
    with contextlib.ExitStack() as stack:
        for contender in contenders:
            for name in names[contender.name]:
                opened[contender.name].append(window := Window(contender.attach(name), contender.environment))
                stack.callback(window.close, *contender.detach)
                window.until(mark, 10)
        show(list(chain(*opened.values())), 0.3)
        yield opened


def _idle(pids: dict[str, list[int]]) -> dict[str, tuple[float, float]]:
    """Returns the processor time (ms) and the wakeups of each contender's processes while nothing happens."""
    before = {name: _spent(own) for name, own in pids.items()}
    time.sleep(IDLE)
    after = {name: _spent(own) for name, own in pids.items()}
    return {name: (after[name][0] - before[name][0], after[name][1] - before[name][1]) for name in pids}
