"""What the kernel is asked: processes, peers, terminals; Linux for real, macOS by what `ps` would print."""

from __future__ import annotations

import errno
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path

import pytest

from sesh import machine, processes
from tests.support.waiting import wait_until

linux = pytest.mark.skipif(not machine.LINUX, reason="reads /proc")


_TWO_GROUPS = """
import os, signal
child = os.fork()
if child == 0:
    signal.pause()
os.setpgid(child, child)
print(flush=True)
signal.pause()
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session of its own, with a second group in it."""
    process = subprocess.Popen([sys.executable, "-c", _TWO_GROUPS], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    for group in processes.groups_of_session(process.pid):
        os.killpg(group, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_the_peer_of_a_socket_is_known() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert machine.peer_uid(one) == os.geteuid()


@linux
def test_a_process_whose_name_holds_parentheses_is_read_right(tmp_path: Path) -> None:
    """The name stands in /proc/PID/stat as it is: `) Z 1 (` in it must not be taken for the fields behind it."""
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"], start_new_session=True) as process:
        try:
            wait_until(lambda: b") Z 1 (" in Path(f"/proc/{process.pid}/stat").read_bytes())
            assert processes.start_time(process.pid).isdigit()
            assert processes.groups_of_session(process.pid) == [process.pid]
        finally:
            process.kill()


@pytest.mark.skipif(not machine.LINUX, reason="reads /proc")
def test_the_leaders_group_comes_first_also_where_its_number_is_not_the_lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell whose job is ended first goes on with the next command of its line."""
    stats = {"90": b"(sh) S 1 90 90", "12": b"(cat) S 90 12 90", "300": b"(vi) T 90 300 90"}
    monkeypatch.setattr(os, "listdir", lambda _: ["12", "300", "90", "self"])
    monkeypatch.setattr(os, "getsid", lambda _: 90)
    monkeypatch.setattr(machine, "read_proc", lambda path, *_: stats[path.split("/")[2]])
    assert processes.groups_of_session(90) == [90, 12, 300]


@linux
def test_no_file_is_read_of_the_processes_of_other_sessions(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand daemons that end at once would read a thousand times the files of thousands of processes."""
    read, read_proc = list[str](), machine.read_proc

    def reads(path: str, most: int = -1) -> bytes:
        read.append(path)
        return read_proc(path, most)

    monkeypatch.setattr(machine, "read_proc", reads)
    wait_until(lambda: len(processes.groups_of_session(sleeper.pid)) == 2)
    read.clear()
    assert len(processes.groups_of_session(sleeper.pid)) == 2
    assert {os.getsid(int(path.split("/")[2])) for path in read} == {sleeper.pid}


def test_the_groups_of_a_session_are_all_of_them_and_no_other(sleeper: subprocess.Popen[bytes]) -> None:
    groups = wait_until(lambda: [each for each in [processes.groups_of_session(sleeper.pid)] if len(each) == 2])[0]
    assert sleeper.pid in groups
    assert os.getpgrp() not in groups
    assert all(os.getsid(group) == sleeper.pid for group in groups)


def test_command_and_directory_of_a_process_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    with subprocess.Popen(["sleep", "60"], cwd=folder) as process:
        try:
            wait_until(lambda: processes.command_of(process.pid) == ["sleep", "60"])
            assert processes.directory_of(process.pid) == str(folder.resolve())
            folder.rmdir()
            assert processes.directory_of(process.pid) == str(folder.resolve()) or not machine.LINUX
        finally:
            process.kill()
    assert processes.directory_of(2**31 - 1) == ""
    assert processes.command_of(2**31 - 1) == []


def test_the_controlling_terminal_is_the_one_that_the_process_stands_on() -> None:
    """A session is recognised by its terminal's device, whatever variables say."""
    pid, controller = pty.fork()
    if pid == 0:  # pragma: no cover (another process)
        device = os.fstat(0).st_rdev
        os._exit(0 if processes.controlling_tty() == machine.device_number(device) != 0 else 1)
    _, status = os.waitpid(pid, 0)
    os.close(controller)
    assert os.waitstatus_to_exitcode(status) == 0


def test_without_a_controlling_terminal_the_number_is_none() -> None:
    code = "import sys; sys.path[:0] = sys.argv[1:]; from sesh.processes import controlling_tty as t; print(t())"
    root = str(Path(machine.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code, root], capture_output=True, text=True, check=True, start_new_session=True
    )
    assert done.stdout == "0\n"


def test_a_socket_path_of_the_limit_is_bound_and_one_byte_more_is_not(tmp_path: Path) -> None:
    folder = Path("/tmp") / f"sesh-limit-{os.getpid()}"
    folder.mkdir()
    try:
        path = f"{folder}/{'x' * (machine.LONGEST_SOCKET_PATH - len(str(folder)) - 1)}"
        with socket.socket(socket.AF_UNIX) as listener:
            with pytest.raises(OSError, match="too long"):
                listener.bind(path + "xx")
            listener.bind(path)
        os.unlink(path)
    finally:
        folder.rmdir()


def test_on_macos_ps_tells_what_proc_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    me, session = os.getpid(), os.getsid(0)
    printed = {
        "lstart=": "Thu Nov 20 08:22:01 2025\n",
        "tty=": "??\n",
        "pid=,pgid=,stat=": f"99999998 99999998 Ss\n{me} {os.getpgrp()} S+\n{me} 4711 Z\n99999999 5 S\n",
        "args=": "vim a.txt\n",
    }

    def ps(*words: str) -> str:
        return next(text for key, text in printed.items() if key in words)

    monkeypatch.setattr(machine, "LINUX", False)
    monkeypatch.setattr(machine, "printed", ps)
    assert processes.start_time(me) == "Thu Nov 20 08:22:01 2025"
    assert processes.controlling_tty() == 0
    assert machine.device_number(os.makedev(16, 5)) == os.makedev(16, 5)
    assert processes.groups_of_session(session) == [os.getpgrp()]
    assert processes.command_of(me) == ["vim", "a.txt"]
    printed["tty="] = "null\n"
    assert processes.controlling_tty() == os.stat("/dev/null").st_rdev
    printed["tty="] = "ttys999\n"
    assert processes.controlling_tty() == 0


def test_the_foreground_group_of_a_terminal_is_in_its_session() -> None:
    """Guards the assumption under all of this: a pty's child leads a session whose terminal is that pty."""
    pid, controller = pty.fork()
    if pid == 0:  # pragma: no cover (another process)
        os.read(0, 1)
        os._exit(0)
    try:
        group = wait_until(lambda: os.tcgetpgrp(controller))
        assert processes.groups_of_session(pid) == [group]
        assert ioctl(controller, termios.TIOCGPGRP, b"\0" * 4) == group.to_bytes(4, sys.byteorder)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(controller)


@linux
@pytest.mark.parametrize(("state", "down"), [("stopping", True), ("running", False), ("degraded", False)])
def test_systemd_tells_whether_the_machine_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, down: bool
) -> None:
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho {state}\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(machine, "_SYSTEMD", str(tmp_path))
    assert machine.shutting_down() is down
    monkeypatch.setattr(machine, "_SYSTEMD", str(tmp_path / "none"))
    assert not machine.shutting_down()


@pytest.mark.skipif(not machine.LINUX, reason="reads /proc")
@pytest.mark.parametrize("ask", [lambda: processes.groups_of_session(os.getsid(0)), machine.name, machine.boot_id])
def test_what_cannot_be_read_for_lack_of_descriptors_is_not_taken_for_absent(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]
) -> None:
    """Else processes would count as dead, and a session as another machine's."""

    def fails(*_: object) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(machine, "read_proc", fails)
    with pytest.raises(OSError, match="Too many"):
        ask()
