"""`--forget`: what becomes of the shared connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from sesh.cli import deploy
from sesh.cli.invocation import Invocation
from sesh.errors import InvalidHost, Unreachable
from sesh.reach import links
from sesh.remote import known
from sesh.remote.ssh.destination import Destination


class Noting(Invocation):
    """One that notes what it would print."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = list(hosts)
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)

    def done(self, **_: object) -> int:
        return 0


def test_why_a_connection_could_not_be_ended_is_said_unless_ssh_knows_no_such_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Any error was taken for that of a host that has gone."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    errors = {"gone": InvalidHost("ssh refuses the host gone"), "box": Unreachable("ssh is not installed")}

    def destination_of(_: object, host: str) -> None:
        raise errors[host]

    monkeypatch.setattr(links, "destination_of", destination_of)
    for host in errors:
        known.record(Destination(host, via=["true"]))
    cli = Noting(*errors)
    assert deploy.forget(cli) == 0
    assert known.all() == []
    assert cli.notes == ["a shared connection to @box may stay open: ssh is not installed"]
