"""Requests to a stopped daemon soon fail with the session's name and a remedy."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from sesh.wire import protocol
from tests.support import Home


@pytest.fixture
def daemon(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The daemon of `work`, continued at the end, with timeouts of 0.5 s."""
    assert protocol.WELCOME_TIMEOUT <= 5
    monkeypatch.setattr(protocol, "WELCOME_TIMEOUT", 0.5)
    assert home.sesh("--open", "work", "--", "cat").code == 0
    found = home.summary("work")["daemon_pid"]
    yield found
    os.kill(found, signal.SIGCONT)


def test_a_daemon_that_does_not_answer_is_named_within_seconds(home: Home, daemon: int) -> None:
    """The error comes within seconds, and names the session."""
    os.kill(daemon, signal.SIGSTOP)
    for line, code in (
        ("--logs work -f", 1),
        ("--send work text", 1),
        ("--events work", 1),
        ("--run work -- true", 125),
    ):
        done = home.sesh(*line.split())
        assert (done.code, done.stdout) == (code, ""), line
        assert "the daemon of work does not answer" in done.stderr
        assert "sesh status work" in done.stderr


def test_attaching_to_a_daemon_that_does_not_answer_names_it_within_seconds(home: Home, daemon: int) -> None:
    """The terminal must not stay blank for more than the five seconds documented."""
    os.kill(daemon, signal.SIGSTOP)
    window = home.terminal("work")
    assert window.exit_code() == 1
    assert "the daemon of work does not answer; `sesh status work` shows its pid" in window.text()
