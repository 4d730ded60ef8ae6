"""The state of a connection to a session, by what the session's host answers."""

from __future__ import annotations

import time

import pytest

from sesh import Session
from sesh.errors import NotFound, SeshError, Unreachable
from sesh.mcp.table import IDLE, SessionTable, UsedSession
from sesh.schema.facts import Summary
from tests.support.data import summary


def row(state: str = "running", ago: float = 0.0) -> Summary:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))
    return summary(name="work", state=state, last_activity=moment)


@pytest.mark.parametrize(
    ("state", "ago", "error", "expected"),
    [
        ("running", 0.0, None, "connected"),
        ("running", IDLE + 10, None, "idle"),
        ("exited", 0.0, None, "closed"),
        ("lost", 0.0, None, "expired"),
        (None, 0.0, NotFound("work has ended"), "closed"),
        (None, 0.0, Unreachable("box does not answer"), "expired"),
    ],
)
def test_a_session_stands_as_its_host_says(
    state: str | None, ago: float, error: SeshError | None, expected: str
) -> None:
    status = error or row(str(state), ago)
    assert UsedSession(Session("work", "box"), None, reached=True).connection(status) == expected


def test_a_session_that_the_server_has_created_is_remembered_however_many_it_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`close_all` left running what five hundred other names had displaced."""
    monkeypatch.setenv("SESH_WORK_LOG", "none")
    table = SessionTable()
    table.entry(Session("mine")).created_id = "00ff"
    for number in range(2000):
        with table.during_call(Session(f"used-{number}")):
            pass
    assert table.entry(Session("mine")).created_id == "00ff"
    assert len(table.all()) < 500
