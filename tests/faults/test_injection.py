"""System calls that fail, in a daemon and in an attached client: the session goes on, or has ended in order.

`python -m tests.faults.inject` makes every call fail that can; here is a sample of that, and what it has found.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.inject import broken, pairs, played, singles, sites_of, staged
from tests.faults.stage import SCENARIOS, Plan, Stage
from tests.support.processes import LINUX

pytestmark = pytest.mark.skipif(not LINUX, reason="only Linux tells how a daemon rests, and what it has open")

SEED = os.environ.get("SESH_FAULTS_SEED", "1")
SINGLES, PAIRS = (6, 3)
"""Runs of each scenario; the whole is for `make faults`."""
DEAR = ("life", "client")
"""Scenarios with the most calls, of which most of FOUND below are."""

FOUND: dict[str, tuple[str, str, dict[str, Any]]] = {
    "the kernel has no memory to wait": ("life", "poll sesh/loop/poller.py", {"error": "ENOMEM", "nth": 5, "times": 3}),
    "no descriptor is left for the loop's pipe": ("life", "pipe daemon/server.py", {"error": "ENFILE", "times": 5}),
    "standard streams cannot be opened": ("life", "open daemon/spawn/daemonize.py", {"error": "ENFILE"}),
    "closing the terminal reports an error": ("life", "close daemon/pty/pty.py", {"error": "EIO"}),
    "closing the lock reports an error": ("life", "close sesh/writing.py", {"error": "EINTR"}),
    "the terminal reports an error once": ("life", "read daemon/pty/pty.py", {"error": "EIO", "nth": 3}),
    "a new size is interrupted": ("life", "ioctl daemon/pty/program.py", {"error": "EINTR", "nth": 2, "times": 2}),
    "a socket half made cannot be moved": ("life", "rename daemon/clients/listener.py", {"error": "EIO"}),
    "the files cannot be removed at first": ("life", "lstat daemon/clients/listener.py", {"error": "EIO", "nth": 3}),
    "a socket cannot get another name": (
        "requests",
        "rename daemon/clients/listener.py",
        {"error": "ENOSPC", "nth": 2},
    ),
    "the processes of a session cannot be listed at first": (
        "killed",
        "listdir sesh/proc.py",
        {"error": "EMFILE", "times": 2},
    ),
    "a client's descriptors report errors at the end": (
        "client",
        "close client/terminal.py",
        {"error": "EIO", "times": 3},
    ),
    "a terminal cannot be restored at first": ("client", "tcsetattr client/terminal.py", {"error": "EIO", "nth": 2}),
}
"""What broke: the scenario, a part of the site, and the fault."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A home whose daemons and clients fail by plan; each run begins with it empty."""
    with staged() as own:
        yield own


def undisturbed(stage: Stage, scenario: str) -> None:
    """Has a scenario played once without faults: so many descriptors a daemon has then."""
    if scenario not in stage.descriptors:
        assert not broken(played(stage, scenario, [[]]))


@pytest.mark.parametrize("what", FOUND)
def test_a_session_outlives_that(stage: Stage, what: str) -> None:
    scenario, part, fault = FOUND[what]
    plan: Plan = [{"part": part, **fault}]
    undisturbed(stage, scenario)
    verdicts = list(played(stage, scenario, [plan]))
    assert verdicts[0][2].fired, "nothing failed"
    assert not broken(verdicts), "\n".join(broken(verdicts))


@pytest.mark.parametrize(
    "scenario", [pytest.param(each, marks=[pytest.mark.soak] if each in DEAR else []) for each in SCENARIOS]
)
def test_whatever_call_fails_a_session_goes_on_or_ends_in_order(stage: Stage, scenario: str) -> None:
    chance = random.Random(f"{SEED} {scenario}")
    every = singles(sites_of(stage, scenario))
    plans = chance.sample(every, SINGLES) + pairs(every, PAIRS, chance)
    wrong = broken(played(stage, scenario, plans))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("functions", "error"),
    [
        (["open", "pipe", "socket", "accept", "listdir", "scandir"], "EMFILE"),
        (["fork", "forkpty", "posix_spawn"], "ENOMEM"),
        (["write", "fsync", "rename", "replace", "mkdir", "symlink"], "ENOSPC"),
    ],
    ids=["no descriptors", "no processes", "no space"],
)
def test_a_lack_that_lasts_for_a_while_costs_no_session(stage: Stage, functions: list[str], error: str) -> None:
    undisturbed(stage, "life")
    for nth in (1, 40, 80):
        plan: Plan = [{"functions": functions, "error": error, "nth": nth, "times": 12}]
        wrong = broken(played(stage, "life", [plan]))
        assert not wrong, "\n".join(wrong)
