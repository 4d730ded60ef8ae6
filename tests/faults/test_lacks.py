"""Faults of the system: a full disk, a lack of descriptors or processes, a kill.

Each fault is patched into the tests' own process, and inherited by each sesh that a test starts afterwards.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import NoReturn

import pytest

from sesh.daemon.spawn import launch, main
from sesh.errors import Refused, Unreachable
from sesh.store import records
from sesh.system import paths
from tests.faults.daemons import SPEC, Daemons, gone
from tests.support import Home, wait_until

SLEEP = ("/bin/sleep", "100")
TESTS = os.getpid()

pytestmark = pytest.mark.needs_fork("system calls that fail")


def failing(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, number: int, when: Callable[..., bool] = lambda *_: True
) -> None:
    """Make a function fail outside the tests' own process, if `when` is true."""
    whole = getattr(place, name)

    def fail(*words: object, **more: object) -> object:
        if os.getpid() != TESTS and when(*words):
            raise OSError(number, os.strerror(number))
        return whole(*words, **more)

    monkeypatch.setattr(place, name, fail)


def on_disk(folder: str, descriptor: object) -> bool:
    """Tell whether a descriptor is that of a file in a folder."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(folder)
    except OSError:
        return False


@pytest.mark.parametrize("step", ["open", "write", "rename"])
def test_a_record_that_cannot_be_written_starts_no_program(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    if step == "write":
        failing(monkeypatch, os, "write", errno.ENOSPC, lambda descriptor, _: on_disk(home.directory, descriptor))
    else:
        name = {"open": "open", "rename": "replace"}[step]
        failing(monkeypatch, os, name, errno.EIO, lambda path, *_: str(path).startswith(f"{home.directory}/.work"))
    opened = home.sesh("open", "work", "--", "sh", "-c", "touch ran; exec sleep 100")
    assert opened.code == 1
    assert len(opened.stderr.splitlines()) == 1
    assert home.directory in opened.stderr, "the path, and what may be done"
    assert "SESH_DIR" in opened.stderr
    wait_until(lambda: not home.processes(), "the end of what was begun")
    assert not os.path.exists(os.path.join(home.path, "ran"))
    assert home.names() == []


@pytest.mark.parametrize("step", ["before", "written", "renamed"])
def test_a_daemon_killed_at_a_step_of_a_write_leaves_the_old_record_or_the_new(
    home: Home, daemons: Daemons, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The daemon is killed while it rewrites the record for `label`."""
    armed = os.path.join(home.path, "armed")

    def die() -> None:
        if os.path.exists(armed) and os.getpid() != TESTS:
            os.kill(os.getpid(), signal.SIGKILL)

    whole, replace = records.write, os.replace

    def write(*words: object, **more: object) -> object:
        if step == "before":
            die()
        return whole(*words, **more)  # type: ignore[arg-type]

    def put(source: str, target: str) -> None:
        if step == "written":
            die()
        replace(source, target)
        if step == "renamed":
            die()

    monkeypatch.setattr(records, "write", write)
    monkeypatch.setattr(os, "replace", put)
    pid = daemons.start("work", *SLEEP)
    home.write("armed", "")
    assert home.sesh("label", "work", "k=v").code != 0
    gone(pid)
    with open(paths.record_path("work"), encoding="utf-8") as file:
        record = json.load(file)
    assert record["labels"] in ({}, {"k": "v"})
    assert home.sesh("list", "--json").json()[0]["state"] == "lost"
    os.unlink(armed)
    assert home.sesh("kill", "work").code == 0
    assert home.names() == []


@pytest.mark.parametrize(
    ("place", "names", "number"),
    [
        (os, ("forkpty", "openpty"), errno.ENOSPC),
        (os, ("fork",), errno.EAGAIN),
        (socket, ("socket",), errno.EMFILE),
        (main, ("_session",), errno.ENOMEM),
    ],
    ids=["no pty", "no process", "no descriptor", "no memory"],
)
def test_a_session_that_cannot_be_made_is_told_in_one_line_and_leaves_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, place: object, names: tuple[str, ...], number: int
) -> None:
    for name in names:
        failing(monkeypatch, place, name, number)
    opened = home.sesh("open", "work", "--", *SLEEP)
    assert opened.code == 1
    assert len(opened.stderr.splitlines()) == 1, opened.stderr
    assert "Traceback" not in opened.stderr
    wait_until(lambda: not home.processes(), "the end of what was begun")
    assert home.names() == []


def test_without_a_process_for_the_daemon_the_error_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure was reported as an internal error."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(subprocess, "Popen", fail)
    with pytest.raises(Refused, match="cannot start a process: Resource temporarily unavailable; end some processes"):
        launch.start_daemon({**SPEC, "environment": {}, "name": "work", "command": ["/bin/true"]})
    assert os.listdir(home.directory) == [".starting"]


def test_a_zygote_that_ends_at_once_leaves_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(launch, "ZYGOTE", "")
    with pytest.raises(Unreachable, match="ended as it began"):
        launch.start_daemon({**SPEC, "environment": {}, "name": "work", "command": ["/bin/true"]})
    assert os.listdir(home.directory) == [".starting"]


def test_a_newborn_daemon_outlives_hangup_and_interrupt_at_every_step(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def struck(name: str) -> None:
        whole = getattr(main, name)

        def first_struck(*words: object) -> object:
            for number in (signal.SIGHUP, signal.SIGINT):
                os.kill(os.getpid(), number)
            return whole(*words)

        monkeypatch.setattr(main, name, first_struck)

    for name in ("_receive_spec", "_set_up"):
        struck(name)
    assert home.sesh("open", "work", "--", *SLEEP).code == 0
    assert home.summary("work")["state"] == "running"
