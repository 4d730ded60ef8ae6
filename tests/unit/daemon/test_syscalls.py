"""Who waits for a key: real processes on a real terminal, each asleep in its own way."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sesh import identity, platform
from sesh.daemon.pty import syscalls
from sesh.daemon.pty.syscalls import Foreground, foreground
from tests.support import wait_until

pytestmark = pytest.mark.skipif(
    syscalls.calls() is None or not os.path.exists("/proc/self/syscall"), reason="this kernel does not say who reads"
)

_BEGIN = """
import os, select, signal, socket, sys, threading, time
r, w = os.pipe()
a, b = socket.socketpair()
os.write(1, b'!')
"""
_THREAD = "threading.Thread(target=lambda: os.read(0, 1), daemon=True).start()\n"

# A shell within a shell, whose job's leader has ended: the job is nobody's but its grandparent's to find.
_PIPE = (
    "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\nif os.fork(): time.sleep(60)\nfirst = os.fork()\n"
    "os.setpgid(first, first)\nif not first: os._exit(0)\nsecond = os.fork()\nos.setpgid(second or 0, first)\n"
    "if second: os.tcsetpgrp(0, first); os.waitpid(first, 0); time.sleep(60)\n"
    "while os.tcgetpgrp(0) != first: pass\nos.read(0, 1)"
)
WAITS = {
    "read": "os.read(0, 1)",
    "read of /dev/tty": "os.read(os.open('/dev/tty', os.O_RDWR), 1)",
    "poll": "p = select.poll(); p.register(0, select.POLLIN); p.poll()",
    "poll for long": "p = select.poll(); p.register(0, select.POLLIN); p.poll(60000)",
    "select": "select.select([0], [], [])",
    "select with its own pipe": "select.select([0, r], [], [])",
    "epoll": "p = select.epoll(); p.register(0, select.EPOLLIN); p.poll()",
    "epoll with its own event": "p = select.epoll(); p.register(0, 1); p.register(os.eventfd(0), 1); p.poll()",
    "a thread reads": f"{_THREAD}threading.Event().wait()",
    "a thread reads, another has a clock": f"{_THREAD}select.select([r], [], [], 60)",
    "the first of a pipe has ended": _PIPE,
    "its child reads": "os.fork() or os.read(0, 1); os.wait()",
}
WAITS_FOR_ELSE = {
    "sleep": "time.sleep(60)",
    "poll for a second": "p = select.poll(); p.register(0, select.POLLIN)\nwhile True: p.poll(1000)",
    "select for half a second": "while True: select.select([0], [], [], 0.5)",
    "epoll for a second": "p = select.epoll(); p.register(0, 1)\nwhile True: p.poll(1)",
    "a socket too": "select.select([0, a], [], [])",
    "a socket in epoll": "p = select.epoll(); p.register(0, 1); p.register(a, 1); p.poll()",
    "a thread reads, another has a socket": f"{_THREAD}select.select([a], [], [])",
    "another terminal": "import pty; m, s = pty.openpty(); os.read(s, 1)",
    "a pipe of its child's": "os.fork() and (os.close(w), os.read(r, 1)) or time.sleep(60)",
    "output": "select.select([], [0], []) and time.sleep(60)",
}


@contextmanager
def running(code: str) -> Iterator[tuple[int, int, int]]:
    """A program on a terminal of its own: its pid, the descriptor of the other side, the terminal's number."""
    pid, master = pty.fork()
    if not pid:
        try:
            os.execv(sys.executable, [sys.executable, "-IS", "-c", f"{_BEGIN}{code}\n"])
        finally:
            os._exit(1)
    try:
        device = wait_until(lambda: int((identity.stat_of(pid) or ["0"] * 5)[4]))
        yield pid, master, device
    finally:
        os.close(master)
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def seen(code: str, wanted: bool) -> Foreground:
    """What is seen of a program once it sleeps, and is seen so twice."""
    with running(code) as (pid, master, device):
        assert os.read(master, 1) == b"!"  # it has begun, and goes to sleep now
        looks: list[bool] = []

        def looked() -> Foreground | None:
            found = foreground(os.tcgetpgrp(master), pid, device)
            looks.append(found.reads == wanted and not found.runs)
            return found if looks[-3:] == [True] * 3 else None

        return wait_until(looked, 10, 0.1)


@pytest.mark.parametrize("how", WAITS)
def test_a_program_that_waits_for_a_key_alone_reads(how: str) -> None:
    found = seen(WAITS[how], wanted=True)
    assert found.told
    assert len(found.members) == 1 + (how == "its child reads")


@pytest.mark.parametrize("how", WAITS_FOR_ELSE)
def test_a_program_that_may_wait_for_something_else_does_not(how: str) -> None:
    assert seen(WAITS_FOR_ELSE[how], wanted=False).told


def test_a_program_that_computes_runs_and_its_time_is_counted() -> None:
    with running("while True: pass") as (pid, _, device):
        first = foreground(pid, pid, device)
        wait_until(lambda: foreground(pid, pid, device).ticks > first.ticks + 5)
        wait_until(lambda: foreground(pid, pid, device).runs)


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
def test_a_kernel_that_does_not_tell_says_nothing_false(monkeypatch: pytest.MonkeyPatch, error: type[OSError]) -> None:
    def call_of(_: str) -> list[int]:
        raise error

    with running("os.read(0, 1)") as (pid, _, device):
        monkeypatch.setattr(syscalls, "call_of", call_of)
        found = wait_until(lambda: None if (each := foreground(pid, pid, device)).told else each)  # once it sleeps
        assert (found.members, found.reads, found.told) == ([pid], False, False)
        monkeypatch.setattr(platform, "LINUX", False)
        assert foreground(pid, pid, device).told is False


def test_a_group_that_is_gone_is_empty() -> None:
    with running("os.read(0, 1)") as (pid, _, device):
        pass
    found = foreground(pid, pid, device)
    assert (found.members, found.reads, found.told) == ([], False, True)
