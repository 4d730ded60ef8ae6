"""The process that further daemons are forked from: it helps, and nothing depends on it."""

from __future__ import annotations

import os
import re
import resource
import signal

import pytest

from sesh import about, paths, platform, proc
from sesh.errors import CannotStart
from tests.faults.daemons import Daemons, gone, kill, running
from tests.support import Home, wait_until

SLEEP = ("/bin/sleep", "100")
SHOW = 'echo "is $MINE in $PWD by $(umask)"; exec sleep 100'

pytestmark = pytest.mark.skipif(not (platform.LINUX and hasattr(os, "pidfd_open")), reason="there is no zygote here")


def zygotes(home: Home) -> list[int]:
    """The zygotes of a home."""
    return [pid for pid in home.processes() if proc.command_of(pid) == [about.ZYGOTE]]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Creators wait for a zygote as long as a busy machine may take."""
    monkeypatch.setattr("sesh.daemon.spawn.zygote.ANSWER_TIMEOUT", 9.0)


def forked(daemons: Daemons, name: str) -> bool:
    """Tell whether the daemon of a session is a fork of a zygote, and not of a creator, itself one of this process."""
    return words_of(daemons.pid(name)) != words_of(os.getpid())


def words_of(pid: int) -> str:
    """Where the words that a process was started with lie in its memory; a fork's lie where its parent's do."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[45]


def start_zygote(daemons: Daemons) -> int:
    """Starts three sessions, and waits until the zygote that the third has started listens; its pid."""
    for name in ("one", "two", "three"):
        assert zygotes(daemons.home) == []
        daemons.start(name, *SLEEP)
        assert not forked(daemons, name)
    directory = paths.zygote_directory()  # while it binds, the socket's name starts with a dot
    wait_until(lambda: any(re.fullmatch(r"\w+\.sock", entry) for entry in os.listdir(directory)), what="a zygote")
    (pid,) = zygotes(daemons.home)
    return pid


def test_from_the_fourth_on_daemons_come_from_a_zygote_that_ends_before_the_last_session(daemons: Daemons) -> None:
    parent = start_zygote(daemons)
    daemons.start("four", *SLEEP)
    assert forked(daemons, "four")
    assert os.getsid(daemons.pid("four")) == daemons.pid("four")
    assert running(parent)
    for name in ("one", "two"):
        pid = daemons.pid(name)
        daemons.ask(name, "kill")
        gone(pid)
    daemons.start("five", *SLEEP)
    assert forked(daemons, "five")
    for name in ("three", "five"):
        daemons.ask(name, "kill")
    gone(parent)
    assert daemons.alive("four")
    assert not os.path.exists(paths.zygote_directory())


def test_a_session_from_a_zygote_has_its_creators_environment_directory_and_umask(daemons: Daemons, home: Home) -> None:
    start_zygote(daemons)
    own = os.umask(0o027)
    try:
        creator = daemons.creator(MINE="own")
    finally:
        os.umask(own)
    creator.create("four", "/bin/sh", "-c", SHOW, directory=home.path)
    creator.outcome()
    assert forked(daemons, "four")
    assert f"is own in {home.path} by 0027" in daemons.wait_for("four", "by 0")
    links = [os.readlink(f"/proc/{daemons.pid('four')}/fd/{number}") for number in "012"]
    assert links == ["/dev/null"] * 3
    with pytest.raises(CannotStart, match="command not found"):
        daemons.start("five", "/nowhere/at/all")
    assert "five" not in home.names()


def test_a_creator_with_other_limits_does_without_the_zygote(daemons: Daemons) -> None:
    start_zygote(daemons)
    creator = daemons.creator()
    resource.prlimit(creator.process.pid, resource.RLIMIT_NOFILE, (200, 200))
    creator.create("four", "/bin/sh", "-c", "echo up to $(ulimit -n) files; exec sleep 100")
    creator.outcome()
    assert not forked(daemons, "four")
    assert "up to 200 files" in daemons.wait_for("four", "files")


def test_a_zygote_that_hangs_or_dies_keeps_no_session_from_starting_or_going_on(
    daemons: Daemons, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = start_zygote(daemons)
    daemons.start("four", *SLEEP)
    os.kill(parent, signal.SIGSTOP)
    monkeypatch.setattr("sesh.daemon.spawn.zygote.ANSWER_TIMEOUT", 0.3)
    assert daemons.home.sesh("--open", "five", "--", *SLEEP).code == 0
    assert not forked(daemons, "five")
    kill(parent)
    daemons.start("six", *SLEEP)
    assert not forked(daemons, "six")
    assert all(map(daemons.alive, ("one", "four", "five", "six")))
    wait_until(lambda: zygotes(daemons.home) not in ([], [parent]), what="another zygote")
    (another,) = zygotes(daemons.home)
    for name in daemons.home.names():
        daemons.ask(name, "kill")
    gone(another)
    assert daemons.litter() == []


def test_sweep_removes_what_a_killed_zygote_left(daemons: Daemons, home: Home) -> None:
    kill(start_zygote(daemons))
    directory = paths.zygote_directory()
    for entry in os.listdir(directory):
        os.utime(os.path.join(directory, entry), (0, 0))
    assert home.sesh("--sweep", "--older", "0s", "-y").code == 0
    assert os.listdir(directory) == []
    assert all(map(daemons.alive, ("one", "two", "three")))
