"""The process that further daemons are forked from: it helps, and nothing depends on it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from sesh import platform
from sesh.errors import CannotStart
from sesh.store import records
from tests.faults.daemons import Daemons, gone, kill, running
from tests.support import Home, processes, wait_until

SLEEP = ("/bin/sleep", "100")
PATIENT = "sesh.daemon.spawn.zygote:PATIENCE=9"
SHOW = 'echo "is $MINE in $PWD by $(umask)"; exec sleep 100'

pytestmark = pytest.mark.skipif(not (platform.LINUX and hasattr(os, "pidfd_open")), reason="there is no nest here")


def nests(home: Home) -> list[int]:
    """The nests of a home; the daemons that came from one bear its words too, but are known by their records."""
    daemons = {(records.read(name) or {}).get("daemon_pid") for name in home.names()}
    return [pid for pid in home.processes() if platform.command_of(pid)[-1:] == ["sesh nest"] and pid not in daemons]


def hatched(daemons: Daemons, name: str) -> bool:
    """Whether the daemon of a session came from a nest."""
    return platform.command_of(daemons.pid(name))[-1:] == ["sesh nest"]


def patient(daemons: Daemons) -> None:
    """Has creators wait for a nest for as long as a machine may take that does much else."""
    daemons._nursery = daemons.nursery(TEST_PATCH=PATIENT)


def settled(daemons: Daemons) -> int:
    """Three sessions, and the nest that answers since then; its pid."""
    for name in ("one", "two", "three"):
        assert nests(daemons.home) == []
        daemons.start(name, *SLEEP)
        assert not hatched(daemons, name)
    folder = os.path.join(daemons.home.directory, ".nest")
    wait_until(lambda: any(entry.endswith(".sock") for entry in os.listdir(folder)), what="a nest")
    (pid,) = nests(daemons.home)
    return pid


def test_from_the_fourth_on_daemons_come_from_a_nest_that_ends_before_the_last_session(daemons: Daemons) -> None:
    patient(daemons)
    nest = settled(daemons)
    daemons.start("four", *SLEEP)
    assert hatched(daemons, "four")
    assert os.getsid(daemons.pid("four")) not in (daemons.pid("four"), nest)
    assert platform.start_time(nest)
    for name in ("one", "two"):
        pid = daemons.pid(name)
        daemons.ask(name, "kill")
        gone(pid)
    time.sleep(0.05)
    assert running(nest)
    daemons.ask("three", "kill")
    gone(nest)
    assert daemons.alive("four")
    assert not os.path.exists(os.path.join(daemons.home.directory, ".nest"))


def test_a_session_from_a_nest_is_its_creators_as_any_other(daemons: Daemons, home: Home) -> None:
    settled(daemons)
    creator = daemons.nursery("umask 027; exec", MINE="own", TEST_PATCH=PATIENT)
    creator.ask("four", "/bin/sh", "-c", SHOW, directory=home.path)
    creator.hear()
    assert hatched(daemons, "four")
    assert f"is own in {home.path} by 0027" in daemons.wait_for("four", "by 0")
    links = [os.readlink(f"/proc/{daemons.pid('four')}/fd/{number}") for number in "012"]
    assert links == ["/dev/null"] * 3
    with pytest.raises(CannotStart, match="command not found"):
        daemons.start("five", "/nowhere/at/all")
    assert "five" not in home.names()


def test_who_has_other_limits_does_without_a_nest(daemons: Daemons) -> None:
    settled(daemons)
    creator = daemons.nursery("ulimit -n 200; exec")
    creator.ask("four", "/bin/sh", "-c", "echo up to $(ulimit -n) files; exec sleep 100")
    creator.hear()
    assert not hatched(daemons, "four")
    assert "up to 200 files" in daemons.wait_for("four", "files")


def test_a_nest_that_hangs_or_dies_keeps_no_session_from_beginning_or_going_on(daemons: Daemons) -> None:
    nest = settled(daemons)
    daemons.start("four", *SLEEP)
    os.kill(nest, signal.SIGSTOP)
    daemons.start("five", *SLEEP)
    assert not hatched(daemons, "five")
    kill(nest)
    daemons.start("six", *SLEEP)
    assert not hatched(daemons, "six")
    assert all(map(daemons.alive, ("one", "four", "five", "six")))
    wait_until(lambda: nests(daemons.home) not in ([], [nest]), what="another nest")
    (another,) = nests(daemons.home)
    for name in daemons.home.names():
        daemons.ask(name, "kill")
    gone(another)
    assert daemons.litter() == []


def test_jobs_start_no_nest(daemons: Daemons) -> None:
    daemons.start("one", *SLEEP)
    daemons.start("two", *SLEEP)
    assert daemons.job("true")[0]["exit_code"] == 0
    assert nests(daemons.home) == []
    processes.kill([daemons.pid("one"), daemons.pid("two")])
