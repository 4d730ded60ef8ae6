"""Requests to a stopped daemon soon fail with the session's name and a remedy."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support import Home


@pytest.fixture
def daemon(home: Home) -> Iterator[int]:
    """The daemon of `work`, continued at the end."""
    assert home.sesh("open", "work", "--", "cat").code == 0
    found = home.summary("work")["daemon_pid"]
    yield found
    os.kill(found, signal.SIGCONT)


@pytest.mark.long
def test_a_daemon_that_does_not_answer_is_named_within_seconds(home: Home, daemon: int) -> None:
    """The error comes within seconds, and names the session."""
    os.kill(daemon, signal.SIGSTOP)
    codes = {"logs work -f": 1, "send work text": 1, "events work": 1, "run work -- true": 125}
    asked = {line: home.start(*line.split()) for line in codes}
    for line, process in asked.items():
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (codes[line], b""), line
        assert b"the daemon of work does not answer" in err
        assert b"sesh status work" in err


@pytest.mark.soak
def test_attaching_to_a_daemon_that_does_not_answer_names_it_within_seconds(home: Home, daemon: int) -> None:
    """The terminal must not stay blank for more than the five seconds documented."""
    os.kill(daemon, signal.SIGSTOP)
    window = home.terminal("work")
    assert window.exit_code() == 1
    assert "the daemon of work does not answer; `sesh status work` shows its pid" in window.text()
