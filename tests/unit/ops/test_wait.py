"""Waiting for the end of a session that ends while it is asked."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from sesh import Session, wire
from sesh.cli.invocation import Invocation
from sesh.cli.parser import split
from sesh.cli.wait import wait
from sesh.errors import Refused, Unreachable
from sesh.ops.wait import ended
from sesh.reach.stream import Stream


class Machine:
    """A machine with a daemon that takes a connection and ends before it has read a request; its result is `kept`."""

    def __init__(self, kept: dict[str, Any] | None) -> None:
        self.kept = kept

    def open_stream(self, name: str, *_: object) -> Stream:
        ours, theirs = socket.socketpair()
        theirs.close()
        descriptor = ours.detach()
        return Stream(wire.Connection(descriptor, descriptor), name)

    def call(self, op: object, **data: Any) -> Any:
        assert (op, data) == (ended, {"name": "job"})
        return self.kept


KEPT = {"met": "exit", "match": None, "exit_code": 4, "position": 0}


@pytest.mark.parametrize("host", [None, "box"])
def test_a_session_that_ends_while_it_is_asked_is_waited_for_in_what_is_kept(
    host: str | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a host it was said that its daemon had died."""
    session = Session("job", host)
    monkeypatch.setattr(session, "_target", Machine(KEPT))
    assert session.wait().exit_code == 4
    monkeypatch.setattr(Invocation, "target", Machine(KEPT))
    line = Invocation(split([*([f"@{host}"] if host else []), "--wait", "job"]))
    assert wait(line, "job") == 4
    assert capfd.readouterr().out == "exit: 4\n"


@pytest.mark.parametrize("conditions", [{}, {"prompt": True}])
def test_of_a_session_of_which_nothing_is_kept_the_daemon_has_died(
    conditions: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session("job")
    monkeypatch.setattr(session, "_target", Machine(None))
    with pytest.raises(Unreachable, match="the daemon of job died"):
        session.wait(**conditions)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", [None, "box"])
def test_a_session_that_ends_while_it_is_asked_for_something_else_ended_too_early(
    host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said that its daemon had died."""
    session = Session("job", host)
    monkeypatch.setattr(session, "_target", Machine(KEPT))
    with pytest.raises(Refused, match=r"^job ended \(4\) before the condition was met$"):
        session.wait(waiting=True)
    monkeypatch.setattr(Invocation, "target", Machine(KEPT))
    line = Invocation(split([*([f"@{host}"] if host else []), "--wait", "job"]))
    with pytest.raises(Refused, match=r"^job ended \(4\) before the condition was met$"):
        wait(line, "job", waiting=True)
