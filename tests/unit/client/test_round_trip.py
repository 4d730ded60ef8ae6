"""The round trip of a link: when it counts as long, and when it is measured again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.client.round_trip import RoundTrip


class Trip(RoundTrip):
    """One whose measurements begin at 0."""

    number = 0

    def sample(self, seconds: float) -> None:
        assert self.answered(self.ping(0.0), seconds)

    def bound(self, seconds: float) -> None:
        self.number += 1
        self.sent(self.number, 0.0)
        self.acknowledged(self.number, seconds)


def measured(*milliseconds: float) -> Trip:
    trip = Trip()
    for each in milliseconds:
        trip.sample(each / 1000)
    return trip


def test_a_long_round_trip_is_told_with_hysteresis() -> None:
    trip = measured(25)
    assert not trip.long
    for milliseconds, expected in ((200, (True, True)), (60, (True, True)), (25, (True, False)), (10, (False, False))):
        for _ in range(3):
            trip.sample(milliseconds / 1000)
        assert (trip.long, trip.very_long) == expected


def test_one_long_sample_is_a_busy_machine() -> None:
    trip = measured(8, 8, 400)
    assert not trip.long
    assert trip.wants_ping(1.0)
    trip.sample(0.008)
    assert not trip.wants_ping(1000.0)


def test_a_bound_makes_it_shorter_and_never_longer() -> None:
    trip = measured(100)
    trip.bound(0.5)
    assert trip.smoothed == 0.1
    assert trip.wants_ping(10.0)
    trip.bound(0.1)
    assert not trip.wants_ping(1000.0)
    trip.bound(0.008)
    assert (trip.smoothed, trip.long) == (0.008, False)


@given(st.lists(st.floats(0.0101, 0.0299), max_size=50), st.booleans(), st.booleans())
def test_a_round_trip_between_the_margins_changes_nothing(times: list[float], slow: bool, bounds: bool) -> None:
    """Of a link with so much jitter prediction stays as it is: it does not flap."""
    trip = measured(0.2 * 1000 if slow else 5)
    for seconds in times:
        seconds = max(seconds, 0.0201) if slow else seconds
        (trip.bound if bounds else trip.sample)(seconds)
        assert trip.long is slow
