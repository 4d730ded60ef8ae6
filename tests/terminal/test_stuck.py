"""A daemon that is stopped: a request to it soon fails with the name of the session and what to check."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from sesh.client import attachment
from sesh.reach import find
from tests.support import Home


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--logs", "work"], 1),
        (["--logs", "work", "-f"], 1),
        (["--screen", "work"], 1),
        (["--send", "work", "text"], 1),
        (["--wait", "work", "--prompt"], 1),
        (["--events", "work"], 1),
        (["--history", "work"], 1),
        (["--run", "work", "--", "true"], 125),
    ],
)
def test_a_daemon_that_does_not_answer_is_named_within_seconds(
    home: Home, words: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--logs` waited for half a minute, and said that some session's daemon had not answered."""
    assert find.PATIENCE <= 5
    monkeypatch.setattr(find, "PATIENCE", 0.5)
    assert home.sesh("--open", "work", "--", "cat").code == 0
    daemon = home.summary("work")["daemon_pid"]
    os.kill(daemon, signal.SIGSTOP)
    try:
        began = time.monotonic()
        done = home.sesh(*words)
        assert time.monotonic() - began < 5
        assert (done.code, done.stdout) == (code, "")
        assert "the daemon of work does not answer" in done.stderr
        assert "sesh --status work" in done.stderr
    finally:
        os.kill(daemon, signal.SIGCONT)


def test_attaching_to_a_daemon_that_does_not_answer_names_it_within_seconds(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal stayed blank for ten seconds; the page says five."""
    assert attachment.HELLO_TIMEOUT <= 5
    monkeypatch.setattr(attachment, "HELLO_TIMEOUT", 0.5)
    assert home.sesh("--open", "work", "--", "cat").code == 0
    daemon = home.summary("work")["daemon_pid"]
    os.kill(daemon, signal.SIGSTOP)
    try:
        began = time.monotonic()
        window = home.terminal("work")
        assert window.exit_code() == 1
        assert time.monotonic() - began < 5
        assert "the daemon of work does not answer; `sesh --status work` shows its pid" in window.text()
    finally:
        os.kill(daemon, signal.SIGCONT)


@pytest.mark.parametrize("verb", ["--screen", "--logs"])
def test_a_daemon_that_hangs_behind_its_greeting_is_named_within_seconds(
    home: Home, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both waited for half a minute, as for a daemon whose emulator is far behind."""
    assert home.sesh("--open", "work", "--", "cat").code == 0
    daemon = home.summary("work")["daemon_pid"]
    welcomed = find.welcomed

    def then_stopped(*words: Any) -> Any:
        greeted = welcomed(*words)
        os.kill(daemon, signal.SIGSTOP)
        return greeted

    monkeypatch.setattr(find, "PATIENCE", 0.5)
    monkeypatch.setattr(find, "welcomed", then_stopped)
    try:
        began = time.monotonic()
        done = home.sesh(verb, "work")
        assert time.monotonic() - began < 5
        assert (done.code, done.stdout) == (1, "")
        assert "the daemon of work does not answer" in done.stderr
        assert "sesh --status work" in done.stderr
    finally:
        os.kill(daemon, signal.SIGCONT)
