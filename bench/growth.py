"""How the figures grow with the number of sessions that run beside."""

from __future__ import annotations

import contextlib
import dataclasses

from bench import resting, starting, streaming
from bench.field import Field
from bench.figures import Row
from bench.material import SLEEPING

COUNTS = (1, 20, 100)


def grow(field: Field) -> list[Row]:
    """Attach, create, list, exec, echo and output with 1, 20 and 100 sessions of each tool."""
    rows = []
    for count in COUNTS:
        with contextlib.ExitStack() as stack:
            for contender in field.tools:
                for _ in range(count):
                    stack.enter_context(field.session(contender, SLEEPING))
            found = [
                *starting.attach(field)[:1],
                *starting.create(field),
                *starting.execute(field),
                *starting.list_all(field, 0),
                *streaming.echo(field)[:1],
                *streaming.attached(field)[:1],
            ]
            total = Row("pss", "PSS of all", "MiB")
            for contender in field.tools:
                total.add(contender.name, sum(map(resting.pss, contender.processes())))
            for row in [*found, total]:
                key, title = row.key.removesuffix("-0"), row.title.removesuffix(" 0 sessions")
                rows.append(dataclasses.replace(row, key=f"{key}-of-{count}", title=f"{title}, {count} sessions"))
    return rows
