"""Hooks: one that cannot be started is noted, and the session goes on, or ends, as without it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sesh import wire
from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.program import Program
from sesh.daemon.pty.pty import Pty
from sesh.daemon.reload import begin
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from tests.support import wait_until
from tests.support.data import daemon_facts


@pytest.fixture
def server(sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A session whose program waits for a signal, of a user who has hooks."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "sesh").mkdir(parents=True)
    (tmp_path / "config" / "sesh" / "config.toml").write_text('[hooks]\non_exit = "true"\non_bell = "true"\n')
    pty = Pty.spawn(Program("/bin/sh", ["sh", "-c", "read x; exit 3"], "/", {}, (80, 24, 0, 0), 0o022))
    facts = daemon_facts(outlive="never", pid=pty.pid)
    own = Server(Session(facts, (80, 24, 0, 0), pty), Listener.claim("work"), None, begin)
    yield own
    if own.session.running:
        os.kill(pty.pid, signal.SIGKILL)
        os.waitpid(pty.pid, 0)
    own.listener.close()


def no_process() -> int:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_a_fork_that_fails_in_a_hook_leaves_no_session_half_dead(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error came up before the pty was closed: no result, no answer, and a daemon that never ended."""
    session = server.session
    assert session.pump.pty is not None
    pid = session.pump.pty.pid
    session.pump.type("test", b"\r")
    wait_until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG))
    monkeypatch.setattr(os, "fork", no_process)
    server.ending.child_ended()
    assert not session.running
    assert server.ending.close_finished()
    assert (session.end.code, session.pump.pty.descriptor) == (3, -1)
    assert not os.path.exists(os.path.join(os.environ["SESH_DIR"], "work.sock"))
    assert "the hook on_exit was not started: Resource temporarily unavailable" in session.faults.lines()[-1]


def test_a_daemon_that_ends_while_it_is_asked_for_a_terminal_costs_no_hook(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asked was ended by SIGPIPE, and the hook was not run."""

    def closed(_name: str, _timeout: float) -> wire.Connection:
        ours, theirs = socket.socketpair()
        theirs.close()
        descriptor = ours.detach()
        return wire.Connection(descriptor, descriptor)

    monkeypatch.setattr(wire, "connect", closed)
    ran = tmp_path / "ran"
    settings = tmp_path / "config" / "sesh" / "config.toml"
    settings.write_text(f'[hooks]\non_failed = "echo $SESH_STATE >{ran}; kill -PIPE $$; echo still >>{ran}"\n')
    hooks = server.session.get_hooks()
    hooks.tell("on_failed", {"event": "exited", "ts": "2026-11-22T05:00:00Z", "state": "failed", "exit_code": 3})
    (pid,) = hooks.running
    _, status = os.waitpid(pid, 0)
    assert ran.read_text() == "failed\n"
    assert os.waitstatus_to_exitcode(status) == -signal.SIGPIPE, "the hook has it as programs do"
