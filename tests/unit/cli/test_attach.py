"""What `sesh NAME` does where the session ends meanwhile."""

from __future__ import annotations

import os
from unittest.mock import Mock

import pytest

from sesh.cli import attach
from sesh.cli.invocation import Invocation
from sesh.cli.line import split
from sesh.errors import Unreachable
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.store import records
from sesh.wire.connection import listen
from tests.support import data


@pytest.mark.usefixtures("sessions")
def test_a_look_whether_a_session_still_runs_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    records.write(data.record("work"))
    cli = Invocation(split(["work"]))
    monkeypatch.setattr(attach, "attach_terminal", Mock(side_effect=Unreachable("the link broke")))
    with listen("work.sock", 1):
        before = len(os.listdir("/dev/fd"))
        with pytest.raises(Unreachable, match="the link broke"):
            attach.attach_or_create(cli, "work", target=Target(Caller()))
        assert len(os.listdir("/dev/fd")) == before
