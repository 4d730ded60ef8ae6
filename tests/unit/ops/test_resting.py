"""The sessions of a list that need not be asked again, and the records that need not be read."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sesh import identity, moments, paths, platform, proc, wire
from sesh.ops import local_index
from sesh.ops.local_index import LocalIndex
from sesh.ops.resting import Quiet
from sesh.store import listing, records
from tests.support import Home, data, wait_until, warm

linux = pytest.mark.skipif(not platform.LINUX, reason="reads /proc")


class Shell:
    """A shell on a terminal, with the record of its session."""

    def __init__(self) -> None:
        self.pid, self.controller = pty.fork()
        if self.pid == 0:  # pragma: no cover (another process)
            os.execv("/bin/sh", ["sh"])
        os.read(self.controller, 1)  # its prompt
        self.tty = os.readlink(f"/proc/{self.pid}/fd/0")
        number = identity.device_number(os.stat(self.tty).st_rdev)
        terminal = {"tty": self.tty, "tty_number": number, "terminals": identity.terminal_filesystem()}
        records.write(data.record("work", id="aa", pid=self.pid, **terminal))
        used = moments.stamp(time.time() - 200)
        self.row: Any = {"name": "work", "state": "running", "attached": 0, "pid": self.pid, "last_activity": used}

    def type(self, line: str) -> None:
        os.write(self.controller, f"{line}\n".encode())

    def rests(self) -> None:
        """Makes its terminal one that was used long ago."""
        os.utime(self.tty, (time.time() - 100, time.time() - 100))

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.controller)


@pytest.fixture
def shell(sessions: Path) -> Iterator[Shell]:
    assert sessions.is_dir()
    with closing(Shell()) as started:
        yield started


@linux
def test_a_session_is_asked_again_only_once_something_may_have_happened_in_it(shell: Shell) -> None:
    quiet, row, moment = Quiet(), shell.row, 1000.0

    def resting() -> bool:
        return bool(quiet.rows([row], {"work"}, moment))

    def asked_once() -> bool:
        shell.rests()
        return not resting() and resting()

    assert asked_once()
    shell.type("stty -echo; PS1=; echo said")
    wait_until(lambda: os.stat(shell.tty).st_mtime > time.time() - 50)
    assert not resting(), "it has printed"
    assert not resting(), "the kernel notes no other time for a while"
    shell.rests()
    assert resting()
    shell.type("cd /")
    wait_until(lambda: proc.directory_of(shell.pid) == "/")
    shell.rests()
    assert asked_once()
    shell.type("exec sleep 1000")
    wait_until(lambda: proc.command_of(shell.pid)[0] == "sleep")
    shell.rests()
    assert asked_once()
    quiet.forget(["work"])
    assert asked_once()
    moment += 121
    assert asked_once(), "what nothing tells of"
    busy = {"activity": {"state": "working", "why": "busy"}}
    changes: list[Any] = [{"attached": 1}, {"responding": False}, {"state": "lost"}, {"pid": None}, busy]
    for change in changes:
        assert quiet.rows([row | change], {"work"}, moment) == []
        assert asked_once()
    assert quiet.rows([row], {"other"}, moment) == []


@linux
def test_a_quiet_session_is_asked_again_once_its_program_has_run(shell: Shell) -> None:
    """It may compute now, or read keys, without a word on its terminal."""
    quiet, row = Quiet(), shell.row | {"activity": {"state": "idle", "why": "quiet"}}
    shell.rests()
    assert [quiet.rows([row], {"work"}, 1000.0) for _ in range(3)] == [[], [row], [row]]
    shell.type("")
    wait_until(lambda: os.stat(shell.tty).st_mtime > time.time() - 50)
    wait_until(lambda: identity.stat_of(shell.pid)[0] == "S")
    shell.rests()
    assert quiet.rows([row], {"work"}, 1000.0) == []
    assert quiet.rows([row], {"work"}, 1000.0) == [row]


@linux
def test_a_session_whose_terminal_tells_nothing_is_asked_each_time(shell: Shell) -> None:
    """Not each kernel keeps the times of terminals, and another container has other terminals of the same names."""
    shell.rests()
    quiet, row = Quiet(), shell.row | {"last_activity": moments.stamp(time.time())}
    for _ in range(3):
        assert quiet.rows([row], {"work"}, 1000.0) == []
    record = records.read("work")
    assert record is not None
    record["terminals"] = 1
    records.write(record)
    quiet = Quiet()
    for _ in range(3):
        assert quiet.rows([shell.row], {"work"}, 1000.0) == []


@linux
def test_a_list_of_many_sessions_asks_those_of_which_there_is_news(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event of one of a thousand sessions, and each ten seconds, had all of them asked."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    monkeypatch.setattr(local_index, "_MANY", 2)
    names = ["one", "two", "three"]
    for name in names:
        home.sesh("--open", name, "--", "sleep", "1000")
    for name in names:
        tty = (records.read(name) or {})["tty"]
        assert tty
        wait_until(lambda name=name: home.summary(name)["foreground"] is not None)  # type: ignore[misc]
        os.utime(tty, (time.time() - 100, time.time() - 100))
    asked: list[str] = []
    connect = wire.connect

    def note(name: str, timeout: float, folder: str = "") -> wire.Connection:
        if folder:  # else it is followed
            asked.append(name)
        return connect(name, timeout, folder)

    monkeypatch.setattr(wire, "connect", note)
    monkeypatch.setattr(moments, "seconds", lambda _: 0.0)  # as if they had been used long ago

    with LocalIndex() as index:

        def look() -> list[str]:
            asked.clear()
            index.next = 0.0
            index.take(set())
            return sorted(asked)

        def label() -> str:
            return str({row["name"]: row["labels"].get("a") for row in index.rows}["two"])

        look()
        wait_until(lambda: look() == [], timeout=30)
        home.sesh("--label", "two", "a=b")
        assert wait_until(look) == ["two"]
        assert label() == "b"
        home.sesh("--kill", "one")
        home.sesh("--rename", "two", "four")
        home.sesh("--open", "two", "--", "sleep", "1000")
        wait_until(lambda: look() is not None and [row["name"] for row in index.rows] == ["four", "three", "two"])
        assert label() == "None"
    assert not os.path.exists(paths.record_path("one"))


def test_a_program_that_gave_its_terminal_to_another_process_session_is_still_inside(home: Home) -> None:
    """As `setsid --ctty` does."""
    told = Path(home.path, "told")
    code = f"""
import fcntl, os, signal, sys, termios, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
fcntl.ioctl(0, termios.TIOCNOTTY)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if os.fork():
    time.sleep(1000)
else:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.path += {warm.PATHS!r}
    from sesh.store import listing
    while not (rows := listing.summaries()):
        pass
    open({str(told)!r}, "w").write(str(rows[0]["current"]))
"""
    home.sesh("--open", "work", "--", sys.executable, "-c", code)
    assert wait_until(lambda: told.exists() and told.read_text()) == "True"


def test_the_record_that_a_daemon_has_written_is_read_only_once_another_is_there(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list read the record of each session whose daemon had answered, to find those that are damaged."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    home.sesh("--open", "work", "--", "sleep", "1000")
    path, read, original = Path(paths.record_path("work")), list[str](), records.read

    def reads(name: str) -> Any:
        read.append(name)
        return original(name)

    monkeypatch.setattr(records, "read", reads)
    assert listing.overview()[1] == []
    assert read == []
    content = path.read_bytes()
    path.chmod(0o644)
    assert "has mode 0644" in listing.overview()[1][0]
    path.chmod(0o600)
    path.write_bytes(b"{}" + content[2:])
    assert "is damaged" in listing.overview()[1][0]
    assert read == ["work"]
    home.sesh("--label", "work", "a=b")  # the daemon writes it anew
    assert listing.overview()[1] == []
    path.unlink()
    assert listing.overview()[1] == []
    assert read == ["work"] * 2
