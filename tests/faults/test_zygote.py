"""The process that further daemons are forked from: it helps, and nothing depends on it."""

from __future__ import annotations

import os
import re
import resource
import signal
from pathlib import Path

import pytest

from sesh import about, paths, platform, proc
from tests.faults.daemons import Daemons, gone, kill, running
from tests.support import Home, wait_until

SLEEP = ("/bin/sleep", "100")
SHOW = 'echo "is $MINE in $PWD by $(umask)"; exec sleep 100'

pytestmark = pytest.mark.skipif(not (platform.LINUX and hasattr(os, "pidfd_open")), reason="there is no zygote here")


def zygotes(home: Home) -> list[int]:
    """Return the zygotes of a home."""
    return [pid for pid in home.processes() if proc.command_of(pid) == [about.ZYGOTE]]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Creators wait for a zygote as long as a busy machine may take."""
    monkeypatch.setattr("sesh.daemon.spawn.zygote.ANSWER_TIMEOUT", 9.0)


def opened(daemons: Daemons, name: str, *words: str, **env: str) -> int:
    """Open a session; the pid of its daemon."""
    done = daemons.home.sesh("--open", name, "--", *(words or SLEEP), env=env)
    assert done.code == 0, done
    return daemons.pid(name)


def forked(pid: int) -> bool:
    """Tell whether a daemon is a fork of a zygote, and not of a sesh, itself one of this process."""
    return words_of(pid) != words_of(os.getpid())


def words_of(pid: int) -> str:
    """Where the words that a process was started with lie in its memory; a fork's lie where its parent's do."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[45]


@pytest.fixture
def zygote(daemons: Daemons) -> int:
    """Three sessions, and the zygote that the third has started, once it listens."""
    for name in ("one", "two", "three"):
        assert zygotes(daemons.home) == []
        assert not forked(opened(daemons, name))
    directory = paths.zygote_directory()  # while it binds, the socket's name starts with a dot
    wait_until(lambda: any(re.fullmatch(r"\w+\.sock", entry) for entry in os.listdir(directory)), what="a zygote")
    (pid,) = zygotes(daemons.home)
    return pid


def test_from_the_fourth_on_daemons_come_from_a_zygote_that_ends_before_the_last_session(
    daemons: Daemons, zygote: int
) -> None:
    four = opened(daemons, "four")
    assert forked(four)
    assert os.getsid(four) == four
    assert running(zygote)
    for name in ("one", "two"):
        pid = daemons.pid(name)
        daemons.ask(name, "kill")
        gone(pid)
    assert forked(opened(daemons, "five"))
    for name in ("three", "five"):
        daemons.ask(name, "kill")
    gone(zygote)
    assert daemons.alive("four")
    assert not os.path.exists(paths.zygote_directory())


def test_a_session_has_its_creators_environment_directory_umask_and_limits(
    daemons: Daemons, home: Home, zygote: int
) -> None:
    """One with other limits does without the zygote."""
    own = os.umask(0o027)
    try:
        four = opened(daemons, "four", "/bin/sh", "-c", SHOW, MINE="own")
    finally:
        os.umask(own)
    assert forked(four)
    assert f"is own in {home.path} by 0027" in daemons.wait_for("four", "by 0")
    assert [os.readlink(f"/proc/{four}/fd/{number}") for number in "012"] == ["/dev/null"] * 3
    failed = home.sesh("--open", "five", "--", "/nowhere/at/all")
    assert (failed.code, "command not found" in failed.stderr) == (127, True)
    assert "five" not in home.names()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    try:
        six = opened(daemons, "six", "/bin/sh", "-c", "echo up to $(ulimit -n) files; exec sleep 100")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert not forked(six)
    assert "up to 200 files" in daemons.wait_for("six", "files")


def test_a_zygote_that_hangs_or_dies_keeps_no_session_from_starting_or_going_on(
    daemons: Daemons, zygote: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.kill(zygote, signal.SIGSTOP)
    monkeypatch.setattr("sesh.daemon.spawn.zygote.ANSWER_TIMEOUT", 0.3)
    assert not forked(opened(daemons, "four", "/bin/sh", "-c", "echo x >>ran; exec sleep 100"))
    os.kill(zygote, signal.SIGCONT)
    monkeypatch.setattr("sesh.daemon.spawn.zygote.ANSWER_TIMEOUT", 9.0)
    assert forked(opened(daemons, "six"))
    assert Path(daemons.home.path, "ran").read_text() == "x\n", "what it was asked for in vain came once"
    kill(zygote)
    assert not forked(opened(daemons, "five"))
    assert all(map(daemons.alive, ("one", "four", "five", "six")))
    wait_until(lambda: zygotes(daemons.home) not in ([], [zygote]), what="another zygote")
    (another,) = zygotes(daemons.home)
    for name in daemons.home.names():
        daemons.ask(name, "kill")
    gone(another)
    assert daemons.litter() == []


def test_sweep_removes_what_a_killed_zygote_left(daemons: Daemons, home: Home, zygote: int) -> None:
    kill(zygote)
    directory = paths.zygote_directory()
    for entry in os.listdir(directory):
        os.utime(os.path.join(directory, entry), (0, 0))
    assert home.sesh("--sweep", "--older", "0s", "-y").code == 0
    assert os.listdir(directory) == []
    assert all(map(daemons.alive, ("one", "two", "three")))
