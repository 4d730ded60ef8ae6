"""Records of sessions: written whole, and checked when read, also against live processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sesh.store import records
from tests.support.data import record
from tests.support.waiting import wait_until


@pytest.fixture
def daemon() -> Iterator[subprocess.Popen[bytes]]:
    """A process that plays a daemon: it prints `woken` on SIGUSR1."""
    script = "trap 'echo woken' USR1; echo up; while :; do sleep 60 & wait $!; kill $! 2>/dev/null; done"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_record_comes_back_as_it_was_and_is_private(sessions: Path) -> None:
    """A session in a directory with a name beyond UTF-8 was missing in lists."""
    written = record(labels={"team": "köln"}, cwd=b"/tmp/\xff".decode("utf-8", "surrogateescape"))
    records.write(written)
    assert records.read("work") == written
    assert stat.S_IMODE((sessions / "work.json").stat().st_mode) == 0o600


def test_who_connects_to_an_ended_session_can_read_its_id(sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the id, a wait on a host found no result: `the daemon died`."""
    records.write(record())
    (sessions / "work.sock").touch()
    unlink, left = os.unlink, []

    def noted(path: str) -> None:
        unlink(path)
        left.append({entry.suffix for entry in sessions.iterdir()} & {".json", ".sock"})

    monkeypatch.setattr(os, "unlink", noted)
    records.remove("work")
    assert {".sock"} not in left
    assert left[-1] == set()


def test_r31_a_daemon_lives_only_as_the_process_that_it_was(daemon: subprocess.Popen[bytes]) -> None:
    """R31: another start time, another boot, or no pid at all is no daemon."""
    good = record(daemon_pid=daemon.pid)
    assert records.alive(good)
    assert not records.alive({**good, "daemon_start": "1"})
    assert not records.alive({**good, "boot": "another"})
    for pid in (None, "1", 0, 1, -1, -daemon.pid, True, 1.5, 2**31 - 1, 10**30):
        assert not records.alive(record(daemon_pid=pid, daemon_start="")), pid
    daemon.kill()
    wait_until(lambda: not records.alive(good), "the daemon has ended")


def test_a_record_of_another_machine_is_known_as_such(daemon: subprocess.Popen[bytes]) -> None:
    assert records.here(record(daemon_pid=daemon.pid))
    assert not records.here(record(daemon_pid=daemon.pid, machine="another"))
    assert not records.here({})


def test_only_the_very_daemon_is_woken(daemon: subprocess.Popen[bytes]) -> None:
    good = record(daemon_pid=daemon.pid)
    assert not records.wake({**good, "machine": "another"})
    assert not records.wake({**good, "daemon_start": "1"})
    assert records.wake(good)
    assert daemon.stdout is not None
    assert daemon.stdout.readline() == b"woken\n"
