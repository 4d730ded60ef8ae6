"""The kernel's facts of processes: real on Linux, simulated output of `ps` for macOS."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sesh.system import platforms, processes
from tests.support.waiting import wait_until

linux = pytest.mark.skipif(not platforms.LINUX, reason="reads /proc")


@linux
def test_a_process_whose_name_holds_parentheses_is_read_right(tmp_path: Path) -> None:
    """/proc/PID/stat does not quote the name, which may look like the next fields."""
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"], start_new_session=True) as process:
        try:
            wait_until(
                lambda: b") Z 1 (" in Path(f"/proc/{process.pid}/stat").read_bytes(), "the process is a zombie of init"
            )
            assert processes.start_time(process.pid).isdigit()
            assert processes.groups_of_session(process.pid) == [process.pid]
        finally:
            process.kill()


@pytest.fixture
def leader() -> Iterator[subprocess.Popen[bytes]]:
    """Run a session's leader, because that of the tests may lie in another namespace."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


def test_on_macos_ps_tells_what_proc_does_not(monkeypatch: pytest.MonkeyPatch, leader: subprocess.Popen[bytes]) -> None:
    me, child = os.getpid(), leader.pid
    printed = {
        "lstart=": "Thu Nov 20 08:22:01 2025\n",
        "tty=": "??\n",
        "pid=,pgid=,stat=": f"99999998 99999998 Ss\n{child} {child} S+\n{child} 4711 Z\n99999999 5 S\n",
        "args=": "vim a.txt\n",
    }

    def ps(*words: str) -> str:
        return next(text for key, text in printed.items() if key in words)

    monkeypatch.setattr(platforms, "LINUX", False)
    monkeypatch.setattr(platforms, "output", ps)
    assert processes.start_time(me) == "Thu Nov 20 08:22:01 2025"
    assert processes.controlling_tty() == 0
    assert platforms.device_number(os.makedev(16, 5)) == os.makedev(16, 5)
    assert processes.groups_of_session(child) == [child]
    assert processes.command_of(me) == ["vim", "a.txt"]
    printed["tty="] = "null\n"
    assert processes.controlling_tty() == os.stat("/dev/null").st_rdev
    printed["tty="] = "ttys999\n"
    assert processes.controlling_tty() == 0


@linux
@pytest.mark.parametrize(("state", "down"), [("stopping", True), ("running", False), ("degraded", False)])
def test_systemd_tells_whether_the_machine_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, down: bool
) -> None:
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho {state}\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(platforms, "_SYSTEMD", str(tmp_path))
    assert platforms.shutting_down() is down
    monkeypatch.setattr(platforms, "_SYSTEMD", str(tmp_path / "none"))
    assert not platforms.shutting_down()


@pytest.mark.skipif(not platforms.LINUX, reason="reads /proc")
@pytest.mark.parametrize("ask", [lambda: processes.groups_of_session(os.getsid(0)), platforms.name, platforms.boot_id])
def test_what_cannot_be_read_for_lack_of_descriptors_is_not_taken_for_absent(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]
) -> None:
    """Else live processes would count as dead, and sessions as those of another machine."""

    def fails(*_: object) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(platforms, "read_proc", fails)
    with pytest.raises(OSError, match="Too many"):
        ask()
