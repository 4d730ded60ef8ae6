"""What a program inside a session tells its daemon, where that daemon is an older one or none is there."""

from __future__ import annotations

from typing import Any

import pytest

from sesh.errors import Refused, UsageError
from sesh.ops import inside


def test_an_older_daemon_s_refusal_is_no_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents take the exit code 2 of a hook for a veto."""

    def ask(*_: object, **__: Any) -> None:
        raise UsageError("this session's daemon does not know that request", hint="reload it")

    monkeypatch.setattr(inside, "_session", lambda: {"name": "work"})
    monkeypatch.setattr("sesh.wire.ask", ask)
    with pytest.raises(Refused, match=r"does not know that request; reload it") as caught:
        inside.state("working", "")
    assert caught.value.exit_code == 1


def test_a_word_that_is_no_state_is_a_usage_error_before_anybody_is_asked() -> None:
    with pytest.raises(UsageError, match="unknown state busy; use working, waiting, idle, done, failed"):
        inside.state("busy", "")
