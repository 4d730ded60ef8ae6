"""`--forget`, `--undeploy`: what becomes of the shared connections."""

from __future__ import annotations

import pytest

from sesh.cli import deploy
from sesh.cli.invocation import Invocation
from sesh.errors import InvalidHost, Unreachable
from sesh.reach import links


def test_why_a_connection_could_not_be_ended_is_said_unless_ssh_knows_no_such_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Any error was taken for that of a host that has gone."""
    errors = {"gone": InvalidHost("ssh refuses the host gone"), "box": Unreachable("ssh is not installed")}
    notes: list[str] = []

    def destination_of(_: object, host: str) -> None:
        raise errors[host]

    class Noting(Invocation):
        def __init__(self) -> None:
            pass

        def note(self, line: str) -> None:
            notes.append(line)

    monkeypatch.setattr(links, "destination_of", destination_of)
    deploy._retire_connections(Noting(), {*errors})
    assert notes == ["a shared connection to @box may stay open: ssh is not installed"]
