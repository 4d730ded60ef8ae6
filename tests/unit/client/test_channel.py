"""Input is numbered, bounded and sent again where a connection broke; the round trip of a link is measured."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import protocol
from sesh.client import channel
from sesh.client.channel import RoundTrip, UnacknowledgedInput


def read(frames: list[bytes]) -> list[tuple[int, bytes]]:
    found = protocol.Decoder().feed(b"".join(frames))
    assert all(kind == protocol.INPUT for kind, _ in found)
    return [protocol.split_number(payload) for _, payload in found]


def test_no_more_than_the_window_is_on_its_way() -> None:
    typed = UnacknowledgedInput()
    sent = read(typed.add(b"x" * (protocol.INPUT_WINDOW + 10)))
    assert sum(len(data) for _, data in sent) == protocol.INPUT_WINDOW
    assert typed.add(b"y") == []
    assert b"".join(data for _, data in read(typed.acknowledge(sent[-1][0]))) == b"x" * 10 + b"y"


def test_what_the_daemon_has_is_not_sent_again() -> None:
    typed = UnacknowledgedInput()
    for data in (b"a", b"b", b"c"):
        typed.add(data)
    assert read(typed.resume(2)) == [(3, b"c")]
    assert read(typed.add(b"d")) == [(4, b"d")]


@given(st.lists(st.binary(max_size=300_000) | st.integers(0, 20), max_size=12))
def test_every_byte_goes_once_and_in_order(steps: list[bytes | int]) -> None:
    typed = UnacknowledgedInput()
    went: list[tuple[int, bytes]] = []
    for step in steps:
        went += read(typed.add(step) if isinstance(step, bytes) else typed.acknowledge(min(step, len(went))))
    while len(before := went) and (more := read(typed.acknowledge(before[-1][0]))):
        went += more
    assert [number for number, _ in went] == list(range(1, len(went) + 1))
    assert b"".join(data for _, data in went) == b"".join(step for step in steps if isinstance(step, bytes))


@patch.object(channel, "HELD", 1000)
@given(st.lists(st.binary(min_size=1, max_size=400), max_size=12))
def test_while_nothing_can_be_sent_it_keeps_a_beginning(pieces: list[bytes]) -> None:
    typed = UnacknowledgedInput()
    for piece in pieces:
        typed.hold(piece)
    whole = b"".join(pieces)
    went, frames = [], read(typed.resume(0))
    while frames:
        went += frames
        frames = read(typed.acknowledge(went[-1][0]))
    assert b"".join(data for _, data in went) == whole[:1000]


def measured(*milliseconds: float) -> RoundTrip:
    trip = RoundTrip()
    for each in milliseconds:
        assert trip.answered(trip.ping(0.0), each / 1000)
    return trip


def test_a_round_trip_is_long_with_hysteresis() -> None:
    times = [25.0]
    assert not measured(*times).long
    for milliseconds, expected in ((200, True), (25, True), (10, False)):
        times += [milliseconds] * 3
        assert measured(*times).long is expected


def test_one_long_sample_is_a_busy_machine() -> None:
    assert not measured(8, 8, 400).long


def test_an_answer_counts_once_and_a_late_one_as_a_second() -> None:
    trip = RoundTrip()
    payload = trip.ping(0.0)
    assert len(payload) <= 2, "it goes over slow links"
    assert trip.answered(payload, 60.0)
    assert not trip.answered(payload, 0.0)
    assert trip.smoothed == pytest.approx(1.0)
    assert not trip.wants_ping(1.0)
    assert trip.wants_ping(10.0)


@given(st.lists(st.floats(20.1, 29.9), max_size=50), st.booleans())
def test_a_round_trip_between_the_margins_changes_nothing(times: list[float], slow: bool) -> None:
    """A round trip that varies between the margins does not switch prediction on and off."""
    assert measured(200 if slow else 5, *times).long is slow
