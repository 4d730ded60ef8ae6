"""Times of starts: attaching, creating, listing, running a command."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping
from typing import Any

from bench.contenders import Contender
from bench.field import Field
from bench.figures import STARTS, Row, Take, interleaved
from bench.material import SLEEPING
from bench.window import Late, Window, run, run_on_terminal

CONTENT = b"@@CONTENT@@"


def _beside_bare(short: str, factor: float) -> dict[str, Any]:
    """Returns the arguments of a row whose goal is a multiple of the interpreter's start."""
    goal = {"said": f"{factor:g} x bare", "goal": lambda medians: factor * medians["bare"]}
    return {"line": STARTS, "short": short, "charted": True, **goal}


def _attached(contender: Contender, name: str, mark: bytes) -> float:
    """Milliseconds from the start of the client until the mark shows."""
    window = Window(contender.attach(name), contender.environment)
    try:
        return (window.until(mark, 20) - window.began) * 1000
    finally:
        window.close(*contender.detach)


@contextlib.contextmanager
def _shown(field: Field, words: list[str], mark: bytes) -> Iterator[dict[str, str]]:
    """Yields a session of each tool in which `words` run and have shown the mark."""
    with contextlib.ExitStack() as stack:
        names = {}
        for contender in field.tools:
            name = stack.enter_context(field.session(contender, words))
            try:
                _attached(contender, name, mark)
                names[contender.name] = name
            except Late as error:
                field.log(f"    {contender.name} is left out: {error}")
        yield names


def attach(field: Field) -> list[Row]:
    """Rows of attaching: to a screen, to one with 10,000 lines behind it, to a flood of lines and of frames."""
    script = [field.python, "-IS", os.path.join(field.material, "showing.py")]
    flood = ["sh", "-c", "exec yes '@@CONTENT@@ and some more of it, so that a row is about filled'"]
    rows = [
        Row("attach", "attach until the content shows", "ms", **_beside_bare("time to attach", 2)),
        Row("attach-10000", "attach with 10,000 lines of scrollback", "ms"),
        Row(
            "attach-flood", "attach during a flood, until it shows", "ms", said="150 ms", goal=lambda _: 150.0,
            line=STARTS, short="time to attach in a flood", charted=True,
        ),
        Row(
            "attach-frames", "attach during a flood of frames", "ms", said="150 ms", goal=lambda _: 150.0,
            line=STARTS, short="time to attach in a flood of frames",
        ),
    ]  # fmt: skip
    frames = [field.python, "-IS", os.path.join(field.material, "frames.py"), field.material]
    for row, lines in zip(rows[:2], ("0", "10000"), strict=True):
        with _shown(field, [*script, lines], CONTENT) as names:
            takes = {
                contender.name: functools.partial(_attached, contender, names[contender.name], CONTENT)
                for contender in field.tools
                if contender.name in names and (contender.keeps or row.key != "attach-10000")
            }
            few = 5 if row.key == "attach" else 2
            _fill(field, row, takes, field.rounds(21 if row.key == "attach" else 11, few))
    for row, words in zip(rows[2:], (flood, frames), strict=True):
        takes = {
            contender.name: functools.partial(_attached_in_flood, field, contender, words) for contender in field.tools
        }
        _fill(field, row, takes, field.rounds(11, 2))
    return rows


def _attached_in_flood(field: Field, contender: Contender, words: list[str]) -> float:
    """Milliseconds until the mark shows in a session that floods. No other one does: it would take the processors."""
    with field.session(contender, words) as name:
        _attached(contender, name, CONTENT)
        return _attached(contender, name, CONTENT)


def _fill(field: Field, row: Row, takes: Mapping[str, Take], rounds: int = 0) -> list[Row]:
    """Takes the samples, and samples of the interpreter's own start beside them."""
    bare = {"bare": lambda: run([field.python, "-c", "pass"], field.sesh.environment) * 1000}
    interleaved(row, {**takes, **bare}, rounds or field.rounds(21, 5), field.log, field.seconds)
    return [row]


def create(field: Field) -> list[Row]:
    """Measures the time of the command that creates a detached session."""
    row = Row("create", "create detached", "ms", **_beside_bare("time to create", 3))
    return _fill(field, row, {tool.name: functools.partial(created, field, tool) for tool in field.tools})


def created(field: Field, contender: Contender) -> float:
    """Creates a session and ends it; returns the milliseconds until it was created."""
    name = field.name()
    took = run(contender.create(name, SLEEPING), contender.environment) * 1000
    contender.kill(name)
    return took


def execute(field: Field) -> list[Row]:
    """Measures the time until `true` has ended in a session of its own, minus the time of `true` alone."""
    row = Row("exec", "exec true, minus plain true", "ms", **_beside_bare("time to exec", 3))

    def take(contender: Contender) -> float:
        words = contender.execute(["true"]) or []
        plain = run(["true"], contender.environment)
        start = run_on_terminal if contender.on_terminal else run
        return (start(words, contender.environment) - plain) * 1000

    return _fill(field, row, {tool.name: functools.partial(take, tool) for tool in field.tools})


def list_all(field: Field, count: int = 20) -> list[Row]:
    """Measures the time of the list, with `count` sessions."""
    row = Row(f"list-{count}", f"list {count} sessions", "ms", **_beside_bare("time to list", 3))

    def take(contender: Contender) -> float:
        return run(contender.list_all() or [], contender.environment) * 1000

    listing = [tool for tool in field.tools if tool.list_all()]
    with contextlib.ExitStack() as stack:
        for tool in listing:
            for _ in range(count):
                stack.enter_context(field.session(tool, SLEEPING))
        return _fill(field, row, {tool.name: functools.partial(take, tool) for tool in listing})
