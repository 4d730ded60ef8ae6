"""The channel of an attachment: what it sends over a link by itself."""

from __future__ import annotations

import socket
import time

import pytest

from sesh import protocol, wire
from sesh.client.channel import Channel, RoundTrip


def test_a_round_trip_that_has_settled_is_measured_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PING, and its PONG, in each second of typing would cost a slow link as much as the keys do."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    near, far = socket.socketpair()
    far.setblocking(False)
    descriptor = near.detach()
    with far, wire.Connection(descriptor, descriptor) as connection:
        link = Channel(connection, RoundTrip(), on_link=True)
        asked: list[float] = []
        for tenth in range(600):
            now = 1000.0 + tenth / 10
            link.measure()
            try:
                ((kind, payload),) = protocol.Decoder().feed(far.recv(100))
            except BlockingIOError:
                continue
            asked.append(now)
            assert kind == protocol.PING
            now += 0.05
            link.answered(payload)
            link.answered(payload)  # said twice, it counts once
    assert 10 <= len(asked) <= 13
    assert asked[-1] - asked[-2] >= 15


def test_a_round_trip_that_changes_is_measured_each_second_again() -> None:
    trip = RoundTrip()
    for _ in range(9):
        trip.sample(0.05)
    assert trip.settled
    trip.sample(0.5)
    assert not trip.settled
