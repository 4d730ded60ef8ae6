"""Typing, creating and first frames while others create sessions and one prints a flood, beside a quiet machine."""

from __future__ import annotations

import contextlib
import os

from bench.contenders import Contender
from bench.field import Field
from bench.figures import ECHO, OURS, Row
from bench.material import ECHOING, SLEEPING
from bench.storm import CREATED, FLOOD, Storm, first_frames, typed
from bench.window import run

SECONDS, FRAMES = 10.0, 20
SHARES = (50, 90, 99)
CALM = 3.0
"""How many times as long as on a quiet machine the slowest of a hundred may take."""
Times = dict[str, list[float]]


def press(field: Field) -> list[Row]:
    """p50, p90 and p99 of each, of sesh and tmux in the storm, and of sesh on the quiet machine."""
    found = {contender.name: _taken(field, contender) for contender in field.tools if contender.name in (OURS, "tmux")}
    rows = []
    for what in ("echo", "create", "first frame"):
        for share in SHARES:
            row = Row(f"storm-{what}-{share}", f"{what} in a storm, p{share}", "ms", line=ECHO)
            for name, (quiet, busy) in found.items():
                row.add(name, _at(busy[what], share))
                if name == OURS:
                    row.add("quiet", _at(quiet[what], share))
            if share == SHARES[-1]:
                row.short, row.said = f"{what} in a storm", f"{CALM:g} x quiet"
                row.goal = lambda medians: CALM * medians["quiet"]
            rows.append(row)
    return rows


def _at(times: list[float], share: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def _taken(field: Field, contender: Contender) -> tuple[Times, Times]:
    """Milliseconds on a quiet machine, and in the storm."""
    with contextlib.ExitStack() as stack:
        window = field.enter(contender, stack.enter_context(field.session(contender, ECHOING)), ECHOING)
        try:
            window.settle(0.3)
            quiet: Times = {"echo": typed(window, SECONDS), "first frame": first_frames(field, contender, FRAMES)}
            quiet["create"] = [_created(field, contender) for _ in range(CREATED)]
            stack.enter_context(field.session(contender, FLOOD))
            storm = Storm(field, contender)
            storm.start()
            try:
                busy = {"echo": typed(window, SECONDS), "first frame": first_frames(field, contender, FRAMES)}
            finally:
                storm.stop.set()
                storm.join()
            return quiet, {**busy, "create": storm.times}
        finally:
            if not contender.detach:
                os.kill(window.pid, 9)
            window.close(*contender.detach)


def _created(field: Field, contender: Contender) -> float:
    name = field.name()
    took = run(contender.create(name, SLEEPING), contender.environment) * 1000
    contender.kill(name)
    return took
