"""What sessions cost that do nothing: memory, processor time and wakeups. Linux tells; elsewhere the rows are empty."""

from __future__ import annotations

import contextlib
import os
import time

from bench.contenders import Contender
from bench.field import Field
from bench.figures import Row
from bench.starting import CONTENT
from bench.window import Window

IDLE = 10.0


def pss(pid: int) -> float:
    """MiB of memory of a process, shared pages by their share."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def _spent(pids: list[int]) -> tuple[float, float]:
    """Milliseconds of processor time, and how often the processes were woken, threads counted in."""
    ticks = wakeups = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as file:
                wakeups += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return ticks * 1000 / os.sysconf("SC_CLK_TCK"), wakeups


def rest(field: Field) -> list[Row]:
    """20 sessions that printed 10,000 lines: their memory; then what they do, detached and attached, in 10 s."""
    if not os.path.exists("/proc/self/smaps_rollup"):
        return []
    count, seconds = field.rounds(20, 4), 3.0 if field.quick else IDLE
    memory = Row(
        "memory", f"PSS of {count} sessions of 10,000 lines", "MiB", said="1.5 x tmux", goal=lambda m: 1.5 * m["tmux"]
    )
    small = Row("memory-small", f"PSS of {count} sessions that printed a line", "MiB")
    within = f"in {seconds:g} s, {count} sessions"
    away = Row("idle-wakeups", f"wakeups {within} detached", "", said="0", goal=lambda _: 0.0)
    busy = Row("idle-cpu", f"processor time {within} detached", "ms", said="0", goal=lambda _: 0.0)
    here = Row("idle-attached", f"wakeups {within}, one attached each", "", said="0", goal=lambda _: 0.0)
    script = [field.python, "-IS", os.path.join(field.material, "showing.py")]
    for contender in field.tools:
        with contextlib.ExitStack() as stack:
            names = [stack.enter_context(field.session(contender, [*script, "0"])) for _ in range(count)]
            time.sleep(1.0)
            small.add(contender.name, sum(map(pss, contender.processes())))
            del names
        with contextlib.ExitStack() as stack:
            names = [stack.enter_context(field.session(contender, [*script, "10000"])) for _ in range(count)]
            time.sleep(2.0)
            pids = contender.processes()
            memory.add(contender.name, sum(map(pss, pids)))
            before = _spent(pids)
            time.sleep(seconds)
            after = _spent(pids)
            busy.add(contender.name, after[0] - before[0])
            away.add(contender.name, after[1] - before[1])
            here.add(contender.name, _watched(contender, names, pids, seconds))
    return [memory, small, away, busy, here]


def _watched(contender: Contender, names: list[str], pids: list[int], seconds: float) -> float:
    """Wakeups of the sessions' processes and of a client for each."""
    windows = [Window(contender.attach(name), contender.environment) for name in names]
    try:
        for window in windows:
            window.until(CONTENT, 10)
            window.settle()
        time.sleep(1.0)
        every = [*pids, *(window.pid for window in windows)]
        before = _spent(every)
        time.sleep(seconds)
        return _spent(every)[1] - before[1]
    finally:
        for window in windows:
            window.close(*contender.detach)
