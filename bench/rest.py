"""The memory and the wakeups of idle sessions. Only Linux counts them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from functools import partial

from bench.contenders import Contender
from bench.field import Field

_IDLE, _SETTLING = 10.0, 11.0
"""Seconds for which wakeups are counted; seconds until every tool has finished its work after output."""


def rest(field: Field) -> None:
    """Measure the memory of idle sessions' processes, and their wakeups in ten seconds."""
    if not os.path.exists("/proc/self/smaps_rollup"):
        return
    for key, count, lines in (("memory", 20, 0), ("memory-many", 100, 0), ("memory-lines", 20, 10_000)):
        with field.contenders(*field.tools) as tools:
            words = [field.python, "-IS", os.path.join(field.material, "showing.py"), str(lines)]
            for tool in tools.values():
                for number in range(count):
                    tool.create(f"s{number}", words)
            time.sleep(_SETTLING)
            field.measure(key, {name: partial(_pss, tool) for name, tool in tools.items()}, 1)
            if lines:
                field.measure("wakeups", {name: partial(_wakeups, tool) for name, tool in tools.items()}, 1)


def memory(pid: int, kind: str) -> int:
    """Return the KiB of memory of a process; `kind` is a key of smaps_rollup."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next((int(line.split()[1]) for line in file if line.startswith(f"{kind}:")), 0)


def _pss(tool: Contender) -> float:
    return sum(memory(pid, "Pss") for pid in tool.keepers()) / 1024


def _wakeups(tool: Contender) -> float:
    keepers = tool.keepers()
    before = _switches(keepers)
    time.sleep(_IDLE)
    return _switches(keepers) - before


def _switches(pids: Iterable[int]) -> int:
    """Return how often all threads of processes have been given a processor."""
    count = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                count += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return count
