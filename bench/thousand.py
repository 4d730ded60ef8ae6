"""`python -m bench.thousand`: a thousand sessions: the list, the watch list, the picker, and the end of all of them.

Processor time is that of the command's own process, and of all that works for it where a control group can count it
(`bench/control_group.py`).
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterator

from bench.alone import alone
from bench.contenders import Sesh
from bench.control_group import ControlGroup
from bench.creating import Counted
from bench.field import Field
from bench.figures import MANY, Goal, Row
from bench.window import PATIENCE, Late, Window, processor_time, show

FEW = 100
SHOWING, WATCHED = 6.0, 40.0
"""Seconds after which the watch list has settled, and seconds for which it is then measured."""
_NAME, _STATE = b"kept", b"attached"
"""Texts in the picker: one that shows at once, and one that shows once a daemon has been asked."""


def thousand(field: Field, count: int = 1000) -> list[Row]:
    """Returns rows of the verbs that look at all sessions. Peers are left out: they are measured with 100 sessions."""
    if not sys.platform.startswith("linux"):
        return []
    rows: dict[str, Row] = {}

    def row(key: str, title: str, unit: str, said: str = "", goal: Goal | None = None) -> None:
        short = title.partition(",")[0] if said else ""
        rows[key] = Row(f"thousand-{key}", title, unit, said=said, goal=goal, line=MANY, short=short)

    row("few", f"list {FEW} sessions beside it, processor time", "ms")
    row(
        "list",
        f"list {count} sessions, processor time",
        "ms",
        f"8 x of {FEW}",
        lambda _: 8 * rows["few"].medians["sesh"],
    )
    row("list-all", f"list {count} sessions, processor time of all", "ms")
    row("watch", f"the watch list of {count} sessions, of a processor", "%", "3 %", lambda _: 3.0)
    row("watch-all", f"the watch list of {count} sessions and all daemons, of a processor", "%")
    row("pick", f"the picker of {count} sessions until it shows names", "ms", "300 ms", lambda _: 300.0)
    row("pick-states", f"the picker of {count} sessions until it shows states", "ms", "2 s", lambda _: 2000.0)
    row("kill-all", f"the end of {count} sessions", "s", "15 s", lambda _: 15.0)
    row("kill-all-own", f"the end of {count} sessions, processor time", "s")
    row("kill-all-all", f"the end of {count} sessions, processor time of all", "s")
    for sesh in field.seshes:  # not at the same time: so many sessions fill a machine
        with ControlGroup() as group:
            try:
                for key, value in _sampled(field, Counted(sesh, group), count):
                    rows[key].add(sesh.name, value)
            finally:
                sesh.end()
    return [measured for measured in rows.values() if measured.samples]


def _sampled(field: Field, counted: Counted, count: int) -> Iterator[tuple[str, float]]:
    """The samples of one sesh, by row."""
    for number in (min(FEW, count), count):
        began = time.monotonic()
        counted.keep(number)
        field.log(f"  {number} sessions: {time.monotonic() - began:.1f} s more")
        for _ in range(5):
            values = counted.list_all()
            yield from zip(("few",) if number < count else ("list", "list-all"), values, strict=False)
    yield from zip(("watch", "watch-all"), _watched(counted, 8.0 if field.quick else WATCHED), strict=False)
    client = Window(counted.sesh.attach(f"kept{count - 1}"), counted.sesh.environment)
    show([client], 2.0)
    for _ in range(3):
        yield from zip(("pick", "pick-states"), _picked(counted.sesh), strict=True)
    client.close(*counted.sesh.detach)
    before = counted.group.rest()
    seconds, own = counted.sesh.kill_all()
    yield from (("kill-all", seconds), ("kill-all-own", own))
    if counted.group:
        yield "kill-all-all", own + counted.group.rest() - before


def _watched(counted: Counted, seconds: float) -> tuple[float, ...]:
    """Returns the percent of a processor that the watch list uses while nothing happens; with a group, daemons
    included."""
    window = Window([counted.sesh.program, "--watch"], counted.sesh.environment, rows=50)
    try:
        window.until(_NAME)
        show([window], SHOWING)
        before, began = (processor_time(window.pid), counted.group.seconds()), time.monotonic()
        show([window], seconds)
        share = 100 / (time.monotonic() - began)
        own = (processor_time(window.pid) - before[0]) * share
        return (own, own + (counted.group.seconds() - before[1]) * share) if counted.group else (own,)
    finally:
        window.close(b"\x1b")


def _picked(sesh: Sesh) -> tuple[float, float]:
    """Returns the milliseconds until the picker shows a name, and until it shows a session's state. Raises Late."""
    window = Window([sesh.program, "--pick"], sesh.environment, rows=50)
    moments: dict[bytes, float] = {}
    shown = b""
    try:
        deadline = window.began + PATIENCE
        while len(moments) < 2:
            if not select.select([window.master], [], [], max(0.0, deadline - time.perf_counter()))[0]:
                raise Late("the picker has not shown how sessions stand")
            shown += window.read()
            for mark in (_NAME, _STATE):
                if mark in shown:
                    moments.setdefault(mark, (time.perf_counter() - window.began) * 1000)
        return moments[_NAME], moments[_STATE]
    finally:
        window.close(b"\x1b")


if __name__ == "__main__":
    sys.exit(alone(thousand))
