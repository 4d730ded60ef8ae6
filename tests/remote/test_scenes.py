"""The pictures of the pages show what sesh prints today: the notices, the headings, the keys, row by row."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from docs import pictures
from docs.film import Shot
from sesh import moments
from sesh.daemon.events import Missed
from tests.remote.farm import Farm
from tests.support import Home, Terminal
from tests.support.drawn import Drawn

Open = Callable[..., Terminal]
COLUMNS, ROWS = 60, 12
ASKS = "printf 'May I run: make test? [y/N] '; read x; echo got=$x; sleep 60"

tells = pytest.mark.skipif(not os.path.exists("/proc/self/syscall"), reason="this kernel does not say who reads")


def timeless(rows: list[str]) -> set[str]:
    """Rows without their ages, clocks and the room that these take."""
    return {re.sub(r"\d+s +|[\d:]{8}", "# ", row.strip()) for row in rows}


def shown(shot: Shot) -> list[str]:
    """The rows of a recorded screen, without those that have nothing."""
    rows = []
    for runs in shot.screen["cells"]:
        row = ""
        for run in runs:
            row = row.ljust(run["column"]) + run["text"]
        rows.append(row.rstrip())
    return [row for row in rows if row]


@pytest.fixture
def window(home: Home) -> Open:
    return lambda *words: home.terminal(*words, columns=COLUMNS, rows=ROWS)


def test_leaving_looks_as_in_the_tour(window: Open) -> None:
    tour = Drawn("tour").rows
    opened = window("api", "--", "sleep", "60")
    assert opened.wait_for(re.compile(r"^ new session api.*$", re.MULTILINE))[0] in tour
    opened.type("\x1c")
    assert opened.wait_for(re.compile(r"^\[.*\]$", re.MULTILINE))[0] in tour


@tells
@pytest.mark.parametrize("name", ["tour", "watch"])
def test_the_list_looks_as_in_the_pictures(home: Home, window: Open, name: str) -> None:
    for folder in ("shop", "build"):
        home.write(f"{folder}/file", "")
    home.sesh("--open", "build", f"{home.path}/build", "--", "sleep", "60")
    home.sesh("--open", "api", f"{home.path}/shop", "--", "sh", "-c", ASKS)
    assert home.sesh("--wait", "api", "--waiting", "--timeout", "15").code == 0
    opened = window("--watch")
    opened.wait_for(re.compile(r"^waiting for you\n> api +\d+s  May I.*^Enter y n", re.DOTALL | re.MULTILINE))
    today = [row for row in opened.screen() if row]
    shown = timeless(Drawn(name).rows)
    head = next(row for row in today if "STATE" in row)
    assert head.split() in [row.split() for row in Drawn(name).rows]
    assert {today[0], today[-1]} <= shown
    assert any(re.fullmatch(r"(> )?api +# May I run: make test\? \[y/N\]", row) for row in shown)


@tells
@pytest.mark.needs("perl")
def test_the_picker_looks_as_in_the_picture(home: Home, farm: Farm) -> None:
    pictures.furnish(home)
    (shot,) = pictures.picker(home, farm).shots
    assert shot.screen["columns"] == COLUMNS
    head, *rows, about, hint = shown(shot)
    (waiting,) = [row for row in rows if " waiting " in row]
    assert about.startswith("May I run")
    assert timeless([head, waiting, about, hint]) <= timeless(Drawn("picker").rows)


def test_an_agent_at_work_looks_as_in_the_picture(home: Home, farm: Farm) -> None:
    pictures.furnish(home)
    assert [shown(shot) for shot in pictures.agent(home, farm).shots] == Drawn("agent").screens


def test_a_lost_link_looks_as_in_the_pictures(home: Home, farm: Farm, window: Open) -> None:
    far = farm.host("gpu", proxied=True)
    opened = window("@gpu", "train")
    opened.wait_for("ready>")
    far.proxy.refuse()
    far.proxy.cut()
    notice = opened.wait_for(re.compile(r"^ no link since .*$", re.MULTILINE), timeout=20)[0]
    for name in ("tour", "healing"):
        assert timeless([notice]) <= timeless(Drawn(name).rows)


def test_coming_back_looks_as_in_the_pictures() -> None:
    missed = Missed()
    missed.since = moments.STEADY.now() - 63
    missed.note({"event": "notification", "text": "all 12 tests pass"})
    assert missed.line(0) in timeless(Drawn("tour").rows)
    missed.begin(0)
    missed.since = moments.STEADY.now() - 63
    missed.note({"event": "command_ended", "exit_code": 2})
    assert missed.line(0) in timeless(Drawn("leaving").rows)
