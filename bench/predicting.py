"""How long a key takes to show on a link with a round trip: with prediction, and without."""

from __future__ import annotations

import contextlib
import os
import random
import select
import shutil
import statistics
import string
import sys
import time
from collections.abc import Iterator

from bench.field import Field
from bench.figures import ECHO, Row
from bench.window import Late, Window, processor_time, run

KEYS_PER_SECOND = 9
ROUND_TRIPS = (100, 200, 300)
GOAL, COST = 5.0, 0.2
"""Goals in milliseconds: until a key shows, and for the processor time of a key above that without prediction."""
_PROGRAMS = {
    "bash": ["bash", "--norc"],
    "zsh": ["zsh", "-f"],
    "fish": ["fish", "--no-config"],
    "python3": ["python3", "-q"],
    "vim": ["vim", "-u", "NONE", "-N", "note"],
}
_SLOW_LINK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slow_link.py")


def predict(field: Field) -> list[Row]:
    """Returns a row for each program and round trip (in a quick run one), and one for the client's cost of a key."""
    cost = Row(
        "predict-cost", "a key over a link, processor time of the client", "ms", said=f"{COST} ms more than without",
        goal=lambda medians: medians["without"] + COST, line=ECHO, short="a key over a link",
    )  # fmt: skip
    pairs = [(program, trip) for program in _PROGRAMS if shutil.which(program) for trip in ROUND_TRIPS]
    return [*(_row(field, program, trip, cost) for program, trip in (pairs[1:2] if field.quick else pairs)), cost]


def _row(field: Field, program: str, trip: int, cost: Row) -> Row:
    title = f"key to glyph: {program}, {trip} ms"
    row = Row(
        f"predict_{program}_{trip}", title, "ms", said=f"{GOAL:g} ms", goal=lambda _: GOAL,
        line=ECHO, short="keys shown over links",
    )  # fmt: skip
    spent = {}
    for name, setting in (("sesh", "always"), ("without", "never")):
        try:
            taken, early, spent[name] = _typed(field, program, trip, setting)
        except Late as error:
            row.notes.append(str(error))
            continue
        for each in taken:
            row.add(name, each * 1000)
        if name == "sesh":
            ninth = statistics.quantiles(taken, n=10)[8] * 1000
            row.notes.append(f"{early:.0%} before the echo; 90 %: {ninth:.0f} ms")
    if len(spent) == 2:
        for name, seconds in spent.items():
            cost.add(name, seconds * 1000)
    return row


def _typed(field: Field, program: str, trip: int, predict: str) -> tuple[list[float], float, float]:
    """Types keys, and measures how soon they show. Raises Late.

    Returns the seconds until each key showed, the share of keys that showed before an echo could come, and the seconds
    of processor time for a key.
    """
    with attached(field, _PROGRAMS[program], trip, predict) as window:
        if program == "vim":
            window.type(b"i")
        for key in b"xyz":  # the first keys measure the link and fetch the model
            window.type(bytes((key,)))
            window.settle(0.3 + trip / 250)
        before = processor_time(window.pid)
        taken = _take(window, 60)
        spent = (processor_time(window.pid) - before) / 60
    return taken, sum(each < trip / 1000 for each in taken) / len(taken), spent


@contextlib.contextmanager
def attached(field: Field, words: list[str], trip: int, predict: str) -> Iterator[Window]:
    """Yields a client of a session that runs `words`, over a link with a round trip of `trip` ms. Raises Late."""
    sesh = field.sesh
    folder = os.path.join(sesh.root, ".config", "sesh")
    os.makedirs(folder, exist_ok=True)
    config = os.path.join(folder, "config.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"predict = '{predict}'\n[remotes.slow]\nvia = '{sys.executable} {_SLOW_LINK} {trip}'\n")
    environment = {**sesh.environment, "PATH": f"{os.path.dirname(sesh.program)}:{sesh.environment['PATH']}"}
    session = field.name()
    run([sesh.program, "--open", session, "--", *words], environment)
    window = Window([sesh.program, "@slow", session], environment)
    try:
        window.settle(2.0 + trip / 200)
        yield window
    finally:
        window.close(*sesh.detach)
        sesh.kill(session)
        os.remove(config)  # other parts know no remote


def _take(window: Window, keys: int) -> list[float]:
    """Types letters as a person does; returns the seconds until each was shown."""
    chance = random.Random(1)
    poll = select.poll()
    poll.register(window.master, select.POLLIN)
    waiting: dict[int, float] = {}
    taken: list[float] = []
    letters = string.ascii_lowercase.encode()
    due = time.perf_counter()
    typed = 0
    while len(taken) < keys:
        now = time.perf_counter()
        if typed < keys and now >= due:
            waiting[letters[typed % 26]] = now
            window.type(letters[typed % 26 : typed % 26 + 1])
            typed += 1
            due = now + max(0.03, chance.gauss(1 / KEYS_PER_SECOND, 0.03))
        if now > due + 5:
            raise Late("a key was not shown")
        if poll.poll(max(0.0, min(0.05, due - time.perf_counter())) * 1000):
            data = window.read()
            now = time.perf_counter()
            taken += [now - waiting.pop(letter) for letter in list(waiting) if letter in data]
    return taken
