"""The channel of an attachment: what it sends over a link by itself."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from sesh import protocol, wire
from sesh.client.channel import Channel


class Link:
    """A channel over a link with a round trip; the daemon is the test, and time goes by when it says so."""

    def __init__(self, patch: pytest.MonkeyPatch, trip: float) -> None:
        self.now, self.trip, self.number, self.pings = 1000.0, trip, 0, 0
        patch.setattr(time, "monotonic", lambda: self.now)
        near, self.far = socket.socketpair()
        self.far.setblocking(False)
        descriptor = near.detach()
        self.connection = wire.Connection(descriptor, descriptor)
        self.channel = Channel(on_link=True)
        self.channel.open(self.connection, b"")
        self.round_trip = self.channel.round_trip

    def predicts(self) -> bool:
        return self.round_trip.long

    def types(self, seconds: float, *, echo: float = 0.001) -> None:
        """Types ten keys a second; the program prints something so many seconds after each."""
        for _ in range(round(seconds * 10)):
            self.number += 1
            self.round_trip.sent(self.number, self.now)
            self.channel.measure()
            sent, self.now = self.now, self.now + self.trip
            self.answer()
            self.now += echo
            self.channel.acknowledged(self.number.to_bytes(8, "big"))
            self.now = max(self.now, sent + 0.1)

    def answer(self) -> None:
        try:
            frames = protocol.Decoder().feed(self.far.recv(1000))
        except BlockingIOError:
            return
        for kind, payload in frames:
            assert kind == protocol.PING
            assert len(payload) <= 2, "it goes over slow links"
            self.pings += 1
            self.channel.answered(payload)
            self.channel.answered(payload)  # said twice, it counts once


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    made = Link(monkeypatch, 0.1)
    with made.far, made.connection:
        yield made


def test_a_round_trip_that_is_known_costs_no_frames(link: Link) -> None:
    """A PING, and its PONG, in each second of typing would cost a slow link as much as the keys do."""
    link.types(60)
    assert link.pings == 1
    assert 0.1 <= link.round_trip.smoothed < 0.102


def test_keys_are_predicted_once_the_link_has_become_slow(link: Link) -> None:
    link.trip = 0.008
    link.types(10)
    link.trip = 0.2
    link.types(3)
    assert link.predicts()
    assert link.round_trip.very_long
    assert link.pings == 4


def test_a_program_that_takes_its_time_makes_no_link_slow(link: Link) -> None:
    link.trip = 0.008
    link.types(60, echo=0.09)
    assert not link.predicts()
    assert link.pings <= 13


def test_answers_that_an_outage_has_held_up_make_no_link_slow(link: Link) -> None:
    """After three of them the next outage was noticed two seconds later."""

    def answered(seconds: float) -> None:
        link.now += seconds
        link.answer()

    link.channel.ping()
    answered(link.trip)
    for _ in range(5):
        link.channel.ping()
        answered(4.0)
        answered(link.trip)
    assert link.round_trip.smoothed == pytest.approx(link.trip)
    assert link.pings == 11
