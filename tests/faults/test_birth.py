"""A daemon's first moments: what other users may read of it, signals that come too early, a system without room."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from sesh import platform, proc
from sesh.daemon.pty.program import Program
from sesh.daemon.pty.pty import Pty
from sesh.daemon.spawn import launch
from sesh.errors import Refused
from tests.faults.creator import SPEC
from tests.support import Home, wait_until

SECRET = "TOKEN=hunter2"  # noqa: S105
SLEEP = ("/bin/sleep", "100")


def words(pid: int) -> str:
    """What every user may read of a process: its command line and its name."""
    return " ".join(proc.command_of(pid)) + " " + Path(f"/proc/{pid}/comm").read_text().strip()


def shown(home: Home) -> str:
    """What `ps` shows of all processes of a home."""
    pids = ",".join(map(str, home.processes()))
    ps = ["ps", "-ww", "-o", "comm=,args=", "-p", pids]
    return subprocess.run(ps, capture_output=True, text=True, check=True).stdout


def test_a_daemon_shows_its_name_and_nothing_of_its_creators_words(home: Home) -> None:
    """All users of the machine could read them, for as long as the session lived."""
    for name in ("one", "two", "three", "four"):
        assert home.sesh("--open", name, "--env", SECRET, "--", *SLEEP).code == 0
    if platform.LINUX:
        wait_until(lambda: "sesh: zygote" in shown(home), what="a zygote")
        assert home.sesh("--open", "five", "--env", SECRET, "--", *SLEEP).code == 0
    for name in home.names():
        pid = home.sesh("--status", name, "--json").json()["daemon_pid"]
        assert words(pid) == f"sesh: {name} sesh: {name}"
    assert "hunter2" not in shown(home)
    assert "/bin/sleep" in shown(home)  # the programs' own words are theirs


def failing(number: int) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def spawn() -> None:
    Pty.spawn(Program("/bin/true", ["true"], "/", {}, (80, 24, 0, 0), 0o22))


def test_without_a_process_for_the_daemon_the_error_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an internal error."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(os, "posix_spawn", failing(errno.EAGAIN))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(Refused, match="cannot start a process: Resource temporarily unavailable; end some processes"):
        launch.start_daemon({**SPEC, "environment": {}, "name": "work", "command": ["/bin/true"]})
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
