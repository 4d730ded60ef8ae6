"""Who is asked where a person typed last."""

from __future__ import annotations

import socket

import pytest

from sesh import attached_last, paths, wire
from sesh.daemon.activity import hook
from sesh.daemon.activity.telling import News


@pytest.mark.usefixtures("sessions")
def test_few_daemons_are_asked_and_one_that_ends_meanwhile_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred sessions that began to wait at once asked each other: 10,000 connections."""
    names = [f"s{number}" for number in range(100)]
    for name in names[:30]:
        attached_last.remember(name)
    attached_last.remember("away", "box")
    asked: list[str] = []

    def closed(name: str, _timeout: float) -> wire.Connection:
        asked.append(name)
        ours, theirs = socket.socketpair()
        theirs.close()
        descriptor = ours.detach()
        return wire.Connection(descriptor, descriptor)

    monkeypatch.setattr(paths, "names", lambda: names)
    monkeypatch.setattr(wire, "connect", closed)
    assert not hook._tell_on_terminal("s99", News("waiting"))
    assert asked == [f"s{number}" for number in range(29, 21, -1)]
