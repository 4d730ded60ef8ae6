"""`python -m bench.verb_starts`: the processor time of each verb, beside `python -IS -c pass`.

The system counts it for the process of the verb and the children that it has waited for, without other work on the
machine. Attaching is measured until the content shows. With 100 sessions more, each verb is compared with itself
`alone`.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from typing import NamedTuple

from bench.alone import alone
from bench.contenders import Sesh
from bench.field import Field
from bench.figures import MANY, OURS, STARTS, Row, Turns, in_turns
from bench.material import SLEEPING
from bench.starting import CONTENT
from bench.window import Window, processor_time, run, timed

FAST, OTHERS = 1.6, 2.5
"""The goals: for verbs that people or scripts use all day, and for other verbs."""
BESIDE, GROWTH = 100, 1.2
"""The number of further sessions, and the factor by which a verb may take longer beside them."""
ATTACH = "attach"
EXPORTED = "exported.json"


class Verb(NamedTuple):
    """A line that is measured.

    `before`: a line that is run before each round and not measured; `named`: the summary names the verb;
    `looks_at_all`: the verb looks at every session.
    """

    words: str
    goal: float = OTHERS
    before: str = ""
    name: str = ""
    named: bool = False
    looks_at_all: bool = False

    @property
    def key(self) -> str:
        return self.name or self.words.split()[0]


VERBS = (
    Verb("work", FAST, name=ATTACH, named=True),
    Verb("--send work x", FAST, named=True),
    Verb("--run shell -- true", FAST, named=True),
    Verb("--status work", FAST, named=True),
    Verb("--screen work", FAST, named=True),
    Verb("--logs work", FAST, named=True),
    Verb("--grep CONTENT", named=True, looks_at_all=True),
    Verb("--completions zsh", named=True),
    Verb("--label work a=b", named=True),
    Verb("--rename one two", before="--rename two one", named=True),
    Verb("--export", named=True, looks_at_all=True),
    Verb("--list --json", name="--list --json", looks_at_all=True),
    Verb(f"--import {EXPORTED}"),
    Verb("--open work"),
    Verb("--detach work"),
    Verb("--kill gone", before="--open gone -- cat"),
    Verb("--wait work --idle 0.01"),
    Verb("--history shell"),
    Verb("--resume-with work -- cat"),
    Verb("--reload work"),
    Verb("--restore"),
    Verb("--sweep"),
    Verb("--forget @nowhere"),
    Verb("--doctor"),
    Verb("--shell-init bash"),
    Verb("--hook claude"),
    Verb("--skill"),
    Verb("--version"),
)


def verb_starts(field: Field, verbs: str = "") -> list[Row]:
    """Measures each verb with few sessions, then beside 100 more.

    `verbs`: only these, separated by commas. The quick run takes the verbs that the summary names, with few sessions.
    """
    if not sys.platform.startswith("linux"):
        return []
    chosen = verbs.split(",") if verbs else [verb.key for verb in VERBS if verb.named or not field.quick]
    measured = [verb for verb in VERBS if verb.key in chosen or verb.key.lstrip("-") in chosen]
    rows = [_row(verb) for verb in measured]
    try:
        for sesh in field.seshes:
            _prepare(sesh)
        _fill(field, rows, measured, field.rounds(21, 3))
        if field.quick:
            return rows
        for sesh in field.seshes:
            sesh.keep(BESIDE)
        beside = [_row_beside(row, verb) for row, verb in zip(rows, measured, strict=True)]
        _fill(field, beside, measured, 11)
        return rows + beside
    finally:
        for sesh in field.seshes:
            sesh.end()


def _prepare(sesh: Sesh) -> None:
    """Makes a session of each kind that the verbs need."""
    for name, words in (
        ("work", ["sh", "-c", f"printf '{CONTENT.decode()}\\n'; exec cat"]),
        ("shell", ["sh"]),
        ("two", SLEEPING),
    ):
        run(sesh.create(name, words), sesh.environment)
    with open(os.path.join(sesh.root, EXPORTED), "w", encoding="utf-8") as file:
        subprocess.run([sesh.program, "--export"], env=sesh.environment, stdout=file, check=True)


def _fill(field: Field, rows: list[Row], verbs: list[Verb], rounds: int) -> None:
    takes: Turns = {
        (row,): {sesh.name: functools.partial(_sampled, sesh, verb) for sesh in field.seshes}
        for row, verb in zip(rows, verbs, strict=True)
    }
    in_turns(takes, rounds, field.log, field.bare)


def _sampled(sesh: Sesh, verb: Verb) -> tuple[float]:
    """Returns the processor time of one call in milliseconds. The exit code is left to the tests."""
    if verb.key == ATTACH:
        window = Window(sesh.attach(verb.words), sesh.environment)
        try:
            window.until(CONTENT, 20)
            return (processor_time(window.pid) * 1000,)
        finally:
            window.close(*sesh.detach)
    if verb.before:
        run([sesh.program, *verb.before.split()], sesh.environment)
    words = [os.path.join(sesh.root, word) if word == EXPORTED else word for word in verb.words.split()]
    return (timed([sesh.program, *words], sesh.environment, (0, 1))[1] * 1000,)


def _row(verb: Verb) -> Row:
    return Row(
        f"cpu-{verb.key}", f"{verb.key}, processor time", "ms", said=f"{verb.goal:g} x bare",
        goal=lambda medians: verb.goal * medians["bare"], line=STARTS, short=verb.key if verb.named else "other verbs",
    )  # fmt: skip


def _row_beside(few: Row, verb: Verb) -> Row:
    """Returns a row of the same verb beside many sessions.

    Its goal is derived from the figure beside few, as a multiple of the interpreter's start. A verb that looks at every
    session has no goal.
    """
    row = Row(f"{few.key}-of-{BESIDE}", f"{few.title}, {BESIDE} sessions", "ms", line=MANY)
    row.samples["alone"] = list(few.samples.get(OURS, ()))
    if not verb.looks_at_all:
        row.short, row.said = f"verbs beside {BESIDE} sessions", f"{GROWTH} x alone"
        row.goal = lambda medians: GROWTH * medians["alone"] * medians["bare"] / few.medians["bare"]
    return row


if __name__ == "__main__":
    sys.exit(alone(verb_starts))
