"""How the figures grow with the number of sessions that run at the same time."""

from __future__ import annotations

import contextlib
import dataclasses
import time

from bench import echoing, resting, starting, streaming
from bench.field import Field
from bench.figures import MANY, Row
from bench.material import SLEEPING

COUNTS = (1, 20, 100)
TOLD = ("time to attach", "time to create", "time to list", "time to exec", "echo p50", "memory")
"""Rows that the summary names for the largest count."""


def grow(field: Field) -> list[Row]:
    """Measures times (in fewer rounds) and memory with 1, 20 and 100 sessions of each tool.

    For output it takes only plain text, because all kinds of output take the same path.
    """
    rows = []
    for count in COUNTS:
        began = time.monotonic()
        sessions = "1 session" if count == 1 else f"{count} sessions"
        with contextlib.ExitStack() as stack:
            field.brief = True
            stack.callback(setattr, field, "brief", False)
            for contender in field.tools:
                for _ in range(count):
                    stack.enter_context(field.session(contender, SLEEPING))
            total = Row("pss", "PSS of all", "MiB", short="memory")
            for contender in field.tools:
                total.add(contender.name, sum(map(resting.pss, contender.processes())))
            found = [
                *starting.attach(field),
                *starting.create(field),
                *starting.list_all(field, 0),
                *starting.execute(field),
                *echoing.echo(field)[:1],
                *streaming.attached(field, ("plain",)),
                *streaming.detached(field, ("plain",)),
                total,
            ]
            for row in found:
                key, title = row.key.removesuffix("-0"), row.title.removesuffix(" 0 sessions")
                short = f"{row.short} beside {count}" if row.short in TOLD and count == COUNTS[-1] else ""
                title = f"{title}, {sessions}"
                key = f"{key}-of-{count}"
                rows.append(dataclasses.replace(row, key=key, title=title, line=MANY, short=short, charted=False))
        field.log(f"  {sessions}: {time.monotonic() - began:.1f} s")
    return rows
