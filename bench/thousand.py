"""A thousand sessions on one machine: the list, the watch list, the picker, and the end of all of them."""

from __future__ import annotations

import functools
import select
import sys
import time

from bench.asking import NAME, Asker
from bench.field import Field
from bench.figures import MANY, OURS, Goal, Row
from bench.window import PATIENCE, Late, Window, processor_time, run

COUNT, FEW = 1000, 100
WATCHED = 10.0
"""Seconds for which the watch list is watched."""
_STATE = b"detached"
"""What the picker shows of a session once it has asked its daemon."""


def thousand(field: Field) -> list[Row]:
    """Rows of what people meet with so many sessions. Peers are left out: theirs are measured with 100."""
    if not sys.platform.startswith("linux"):
        return []
    listed = _row("list", f"list {COUNT} sessions, processor time", "ms", f"8 x of {FEW}", lambda m: 8 * m["few"])
    watched = _row("watch", f"the watch list of {COUNT} sessions, of a processor", "%", "3 %", lambda _: 3.0)
    shown = _row("pick", f"the picker of {COUNT} sessions until it shows names", "ms", "300 ms", lambda _: 300.0)
    told = _row("pick-states", f"the picker of {COUNT} sessions until it shows states", "ms", "2 s", lambda _: 2000.0)
    ended = _row("kill-all", f"the end of {COUNT} sessions", "s", "15 s", lambda _: 15.0)
    with Asker(field) as asker:
        listing = functools.partial(asker.verb, "--list")
        asker.open_until(FEW)
        for _ in range(5):
            listed.add("few", listing())
        began = time.monotonic()
        asker.open_until(COUNT)
        field.log(f"  {COUNT - FEW} more sessions: {time.monotonic() - began:.1f} s")
        for _ in range(5):
            listed.add(OURS, listing())
        watched.add(OURS, _watched(asker))
        for _ in range(3):
            names, states = _picked(asker)
            shown.add(OURS, names)
            told.add(OURS, states)
        ended.add(OURS, run([field.sesh.program, "--kill-all", "-y"], field.sesh.environment))
    return [listed, watched, shown, told, ended]


def _row(key: str, title: str, unit: str, said: str, goal: Goal) -> Row:
    return Row(f"thousand-{key}", title, unit, said=said, goal=goal, line=MANY, short=title.partition(",")[0])


def _watched(asker: Asker) -> float:
    """Percent of a processor that the watch list uses while nothing happens."""
    window = Window([asker.sesh.program, "--watch"], asker.sesh.environment, rows=50)
    try:
        window.until(_STATE)
        window.settle(2.0)
        before, began = processor_time(window.pid), time.monotonic()
        while time.monotonic() - began < WATCHED:
            window.settle(0.5)
            time.sleep(0.1)
        return 100 * (processor_time(window.pid) - before) / (time.monotonic() - began)
    finally:
        window.close(b"q")


def _picked(asker: Asker) -> tuple[float, float]:
    """Milliseconds until the picker shows a name, and until it shows how a session stands. Raises Late."""
    window = Window([asker.sesh.program, "--pick"], asker.sesh.environment, rows=50)
    poll = select.poll()
    poll.register(window.master, select.POLLIN)
    moments: dict[bytes, float] = {}
    shown = b""
    try:
        while len(moments) < 2:
            if not poll.poll(PATIENCE * 1000):
                raise Late("the picker has not shown how sessions stand")
            shown += window.read()
            for mark in (NAME.encode(), _STATE):
                if mark in shown:
                    moments.setdefault(mark, (time.perf_counter() - window.began) * 1000)
    finally:
        window.close(b"\x1b")
    return moments[NAME.encode()], moments[_STATE]
