"""How much is on its way to a client, over links that are played through: a rate, a round trip, a queue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.clients.flow import LEAST, MOST, SLICE, START, Flow

_TOLD = 8 << 10  # bytes after which the client says what it has got


class Link:
    """A link with `rate` bytes a second and a round trip in seconds, which is fed as much as the flow lets through."""

    def __init__(self, rate: float, round_trip: float) -> None:
        self.rate, self.round_trip = rate, round_trip
        self.flow = Flow()
        self.now = 100.0
        self.free_at = self.now
        """When the link has passed on all that was sent."""
        self.sent = self.got = 0
        self.coming: list[tuple[float, int]] = []
        self.queued: list[float] = []
        """Seconds in which the link passes on what waits, at each thing that was sent."""

    def send(self, size: int) -> None:
        self.flow.add(size, self.now)
        self.free_at = max(self.free_at, self.now) + size / self.rate
        self.sent += size
        self.coming.append((self.free_at + self.round_trip, self.sent))
        self.queued.append(self.free_at - self.now)

    def floods(self, seconds: float) -> int:
        """Output without an end for so long; how many bytes came."""
        until, before, told = self.now + seconds, self.got, self.got
        while self.now < until:
            while self.flow.room:
                self.send(SLICE)
            self.now, self.got = self.coming.pop(0)
            if self.got - told >= _TOLD:
                told = self.got
                self.flow.arrived(told, self.now)
        return self.got - before

    def prints(self, size: int) -> None:
        """A piece of output that comes alone, and is told."""
        self.now = max([self.now, *(moment for moment, _ in self.coming)]) + 5
        self.coming.clear()
        self.flow.arrived(self.sent, self.now)
        self.now += 5
        self.send(size)
        self.now, self.got = self.coming.pop()
        self.flow.arrived(self.got, self.now)


@pytest.mark.parametrize("round_trip", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("rate", [125_000, 1_000_000])
def test_a_flood_fills_a_slow_link_and_never_queues_for_long(rate: int, round_trip: float) -> None:
    link = Link(rate, round_trip)
    link.prints(2000)
    link.floods(3)
    link.queued.clear()
    assert link.floods(10) > 0.85 * 10 * rate
    assert max(link.queued) < 0.5


def test_a_fast_link_is_given_all_that_it_takes() -> None:
    link = Link(100e6, 0.1)
    link.prints(2000)
    link.floods(2)
    assert link.floods(4) > 0.5 * 4 * MOST / 0.1
    assert link.flow.window == MOST
    assert not link.flow.slow
    assert not link.flow.too_late(1 << 30)


def test_a_way_that_became_longer_is_not_taken_for_a_queue() -> None:
    link = Link(1e6, 0.02)
    link.prints(2000)
    link.round_trip = 0.4
    link.floods(5)
    for _ in range(20):
        link.prints(6000)
    assert link.floods(10) > 0.8 * 10 * 1e6


def test_keys_and_their_echo_measure_nothing_wrong() -> None:
    """What was sent long ago and told only now was taken for a queue of minutes."""
    flow = Flow()
    flow.add(2000, 0.0)
    flow.arrived(2000, 0.1)
    flow.add(200, 1.0)
    flow.add(5000, 60.0)
    flow.arrived(7200, 60.1)
    assert not flow.slow
    assert flow.window >= START


def test_lines_that_were_missed_are_as_many_as_come_soon() -> None:
    link = Link(125_000, 0.1)
    link.prints(2000)
    assert link.flow.lines(1000, 80) == 1000
    link.floods(5)
    link.flow.slow = True
    assert 200 < link.flow.lines(1000, 80) < 400
    assert link.flow.too_late(1 << 20)


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.floats(0, 5)), max_size=60), st.data())
def test_whatever_comes_back_something_may_be_sent_once_all_has_come(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    flow, now, sent = Flow(), 0.0, 0
    for size, seconds in steps:
        now += seconds
        flow.add(size, now)
        sent += size
        flow.arrived(data.draw(st.integers(-1, sent + 10)), now)
        assert LEAST <= flow.window <= MOST
        assert flow.dump()[1] <= sent
    flow.arrived(sent, now + 1)
    assert flow.room
    assert flow.drained
    assert Flow(*flow.dump()).room
