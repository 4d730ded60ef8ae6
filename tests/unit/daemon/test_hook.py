"""The search for the terminal that a person typed in last."""

from __future__ import annotations

import socket

import pytest

from sesh import wire
from sesh.daemon.activity import notifications
from sesh.daemon.activity.notifications import News
from sesh.store import recent


@pytest.mark.usefixtures("sessions")
def test_few_daemons_are_asked_and_one_that_ends_meanwhile_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred sessions that began to wait at once asked each other: 10,000 connections."""
    for number in range(30):
        recent.remember(f"s{number}")
    recent.remember("away", "box")
    asked: list[str] = []

    def closed(name: str, _timeout: float) -> wire.Connection:
        asked.append(name)
        ours, theirs = socket.socketpair()
        theirs.close()
        descriptor = ours.detach()
        return wire.Connection(descriptor, descriptor)

    monkeypatch.setattr(wire, "connect", closed)
    assert not notifications._notify_terminal("s99", News("waiting"))
    assert asked == [f"s{number}" for number in range(29, 21, -1)]
