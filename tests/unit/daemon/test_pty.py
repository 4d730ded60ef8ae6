"""The exit status is the kernel's; one that is lost is unknown."""

from __future__ import annotations

import os

import pytest

from sesh.daemon.base.phase import ProgramEnd
from sesh.daemon.pty.pty import Pty
from sesh.errors import ExitCode


def child(code: int) -> int:
    pid = os.fork()
    if not pid:
        os._exit(code)
    return pid


@pytest.mark.parametrize("code", [0, 3])
def test_a_status_that_somebody_else_has_reaped_is_unknown_and_no_success(code: int) -> None:
    """It counted as 0."""
    pty = Pty(pid=child(code))
    os.waitpid(pty.pid, 0)
    assert pty.reap()
    end = ProgramEnd.of(pty.status, pty.usage)
    assert (end.code, end.signal) == (ExitCode.UNKNOWN, None)
    assert pty.reap()


@pytest.mark.parametrize("code", [0, 3])
def test_a_status_is_taken_once(code: int) -> None:
    pty = Pty(pid=child(code))
    os.waitid(os.P_PID, pty.pid, os.WEXITED | os.WNOWAIT)
    assert pty.reap()
    assert pty.reap()
    assert ProgramEnd.of(pty.status, pty.usage).code == code


def test_a_program_that_runs_has_not_ended() -> None:
    inside, outside = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(outside)
        os.read(inside, 1)
        os._exit(0)
    pty = Pty(pid=pid)
    assert not pty.reap()
    os.close(outside)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert pty.reap()
    os.close(inside)
