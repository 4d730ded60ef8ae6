"""The round trip of a link: when it counts as long, and what of it is noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.channel import RoundTrip


def measured(*milliseconds: float) -> RoundTrip:
    trip = RoundTrip()
    for each in milliseconds:
        assert trip.answered(trip.ping(0.0), each / 1000)
    return trip


def test_a_long_round_trip_is_told_with_hysteresis() -> None:
    times = [25.0]
    assert not measured(*times).long
    for milliseconds, expected in ((200, (True, True)), (60, (True, True)), (25, (True, False)), (10, (False, False))):
        times += [milliseconds] * 3
        trip = measured(*times)
        assert (trip.long, trip.very_long) == expected


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
    """Of a link with so much jitter prediction stays as it is: it does not flap."""
    assert measured(200 if slow else 5, *times).long is slow
