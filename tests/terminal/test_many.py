"""More sessions than descriptors: what asks many daemons asks them in portions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support import Home, Result, wait_until
from tests.support.crowd import crowd

Sesh = Callable[..., Result]
COUNT = 100


@pytest.fixture
def limited(home: Home) -> Iterator[list[str]]:
    """The names of 100 sessions, and commands that may have 64 descriptors."""
    with crowd(home, COUNT) as (names, _):
        home.command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *home.command]
        yield names


def test_each_verb_that_asks_many_daemons_asks_them_in_portions(limited: list[str], home: Home, sesh: Sesh) -> None:
    """`--list` of 300 sessions ended with EMFILE and a traceback where 64 files may be open."""
    listed = sesh("--list", "--json")
    assert (listed.code, listed.stderr) == (0, "")
    assert [(each["name"], each["state"], each.get("responding")) for each in listed.json()] == [
        (name, "running", None) for name in limited
    ]
    assert len(sesh("--export", "--json").json()["sessions"]) == COUNT
    assert sesh("--sweep", "--older", "0s").stdout == "no leftovers\n"
    doctor = sesh("--doctor", "--json")
    assert doctor.code == 0
    assert not [each for each in doctor.json()["checks"] if each["check"] == "files"]
    assert len(sesh("--complete", "bash", "--", "--kill", "").stdout.splitlines()) >= COUNT
    assert len(sesh("--reload", "--json", timeout=60).json()["reloaded"]) == COUNT
    followed = sesh("--events")
    assert (followed.code, followed.stderr.count("\n"), "ulimit -n" in followed.stderr) == (1, 1, True)
    watching = home.terminal("--watch", columns=80, rows=400)
    watching.wait_for(f"s{COUNT - 1:03}")
    watching.type("q")
    assert watching.exit_code() == 0
    ended = sesh("--kill-all", "-y", "--json", timeout=60)
    assert (ended.code, ended.json()["killed"]) == (0, limited)
    wait_until(lambda: not home.names())


@pytest.mark.soak  # each limit on descriptors, two interpreters for each
def test_where_not_one_daemon_can_be_asked_one_line_says_what_to_do(home: Home, sesh: Sesh) -> None:
    """It was an internal error with `ulimit -n 10`."""
    for number in range(8):
        sesh("--open", f"work{number}", "--", "sleep", "1000")
    limits = [["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh"] for limit in range(5, 16)]
    ordinary, codes = home.command, []
    for words in limits:
        trial = [*words, sys.executable, "-c", "import json"]
        if subprocess.run(trial, capture_output=True, check=False).returncode:
            continue  # the interpreter itself needs more
        home.command = [*words, *ordinary]
        done = sesh("--list")
        assert "internal error" not in done.stderr
        assert done.code == 0 or (done.stderr.count("\n") == 1 and "ulimit -n" in done.stderr), (words, done)
        codes.append(done.code)
    home.command = ordinary
    assert codes[-1] == 0
