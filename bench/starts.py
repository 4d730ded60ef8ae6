"""The time to attach, create and list, and the processor time of verbs and Tab."""

from __future__ import annotations

import os
from functools import partial
from itertools import count

from bench.contenders import Contender, Sesh
from bench.field import Field
from bench.material import CONTENT, FLOODING, SLEEPING
from bench.rows import BEFORE, OURS, VERBS
from bench.window import Words, run

_LISTED, _COMPLETED = 20, 100
_numbers = count()


def attach(field: Field) -> None:
    """Measure attaching until the content shows, at rest and in floods."""
    showing = [field.python, "-IS", os.path.join(field.material, "showing.py"), "0"]
    with field.contenders(*field.tools) as tools:
        for tool in tools.values():
            tool.create("work", showing)
            _attached(tool)
        takes = {name: partial(_attached, tool) for name, tool in tools.items()}
        field.measure("attach", {"bare": field.bare("pass"), **takes})
    frames = [field.python, "-IS", os.path.join(field.material, "frames.py"), field.material]
    for key, words in (("attach-flood", FLOODING), ("attach-frames", frames)):
        field.measure(key, {name: partial(_attached_in_flood, field, name, words) for name in field.tools}, 11)


def _attached(tool: Contender) -> float:
    """Return the milliseconds from the start of a client until it shows the mark."""
    window = tool.attach("work")
    try:
        return (window.until(CONTENT) - window.began) * 1000
    finally:
        window.leave(*tool.detach)


def _attached_in_flood(field: Field, name: str, words: Words) -> float:
    """Measure attaching to a session in a flood, the only one at that time."""
    with field.contenders(name) as tools:
        tools[name].create("work", words)
        _attached(tools[name])
        return _attached(tools[name])


def create(field: Field) -> None:
    """Measure creating a detached session: one more, and the first one of a context."""
    with field.contenders(*field.tools) as tools:
        for tool in tools.values():
            tool.create("first", SLEEPING)
        takes = {name: partial(_created, tool) for name, tool in tools.items()}
        field.measure("create", {"bare": field.bare("pass"), **takes})
    takes = {name: partial(_created_first, field, name) for name in field.tools}
    field.measure("create-first", {"bare": field.bare("pass"), **takes}, 11)


def _created(tool: Contender) -> float:
    return tool.create(f"s{next(_numbers)}", SLEEPING)


def _created_first(field: Field, name: str) -> float:
    with field.contenders(name) as tools:
        return _created(tools[name])


def listing(field: Field) -> None:
    """Measure the list of twenty sessions."""
    with field.contenders(*field.tools) as tools:
        listed = {name: tool for name, tool in tools.items() if tool.listing()}
        for tool in listed.values():
            for _ in range(_LISTED):
                _created(tool)
        takes = {name: partial(_milliseconds, tool, tool.listing()) for name, tool in listed.items()}
        field.measure("list", {"bare": field.bare("pass"), **takes})


def _milliseconds(tool: Contender, words: Words) -> float:
    return run(words, tool.environment)[0]


def verbs(field: Field) -> None:
    """Measure the processor time of verbs."""
    with field.contenders(*(name for name in field.tools if name in (OURS, BEFORE))) as tools:
        for tool in tools.values():
            tool.create("work", ["sh", "-c", f"printf '{CONTENT.decode()}\\n'; exec cat"])
            tool.create("shell", ["sh"])
        for verb, line in VERBS.items():
            takes = {name: partial(_processor_time, tool, line.split()) for name, tool in tools.items()}
            field.measure(verb, {"typer": field.bare("import typer", processor=True), **takes}, 11)


def tab(field: Field) -> None:
    """Measure the processor time of a Tab with a hundred sessions."""
    with field.contenders(*(name for name in field.tools if name in (OURS, BEFORE))) as tools:
        for tool in tools.values():
            for _ in range(_COMPLETED):
                _created(tool)
            line = "sesh kill s"
            tool.environment |= {"_SESH_COMPLETE": "complete_bash", "COMP_LINE": line, "COMP_POINT": str(len(line))}
            tool.environment |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_ARGS": line}
        takes = {name: partial(_processor_time, tool, []) for name, tool in tools.items()}
        field.measure("tab", {"typer": field.bare("import typer", processor=True), **takes}, 11)


def _processor_time(tool: Contender, words: Words) -> float:
    assert isinstance(tool, Sesh)
    return run([tool.program, *words], tool.environment)[1]
