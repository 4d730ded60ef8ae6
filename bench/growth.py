"""How the figures grow with the number of sessions that run beside."""

from __future__ import annotations

import contextlib
import dataclasses
import time

from bench import resting, starting, streaming
from bench.field import Field
from bench.figures import Row
from bench.material import SLEEPING

COUNTS = (1, 20, 100)


def grow(field: Field) -> list[Row]:
    """Everything that takes time, in fewer rounds, and memory, with 1, 20 and 100 sessions of each tool."""
    rows = []
    for count in COUNTS:
        began = time.monotonic()
        sessions = "1 session" if count == 1 else f"{count} sessions"
        with contextlib.ExitStack() as stack:
            stack.enter_context(field.brief())
            for contender in field.tools:
                for _ in range(count):
                    stack.enter_context(field.session(contender, SLEEPING))
            total = Row("pss", "PSS of all", "MiB")
            for contender in field.tools:
                total.add(contender.name, sum(map(resting.pss, contender.processes())))
            found = [
                *starting.attach(field),
                *starting.create(field),
                *starting.list_all(field, 0),
                *starting.execute(field),
                *streaming.echo(field)[:1],
                *streaming.attached(field),
                *streaming.detached(field),
                total,
            ]
            for row in found:
                key, title = row.key.removesuffix("-0"), row.title.removesuffix(" 0 sessions")
                rows.append(dataclasses.replace(row, key=f"{key}-of-{count}", title=f"{title}, {sessions}"))
        field.log(f"  {sessions}: {time.monotonic() - began:.1f} s")
    return rows
