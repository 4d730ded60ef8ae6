"""When attempts begin, checked with a model of links, networks, and a person."""

from __future__ import annotations

from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sesh.errors import LoginRefused
from sesh.link import keeper
from sesh.link.health import Health, LinkHealth
from sesh.link.keeper import (
    INTERVAL,
    INTERVAL_AFTER_NUDGE,
    MAX_AT_ONCE,
    MAX_CONNECT_TIMEOUT,
    MAX_INTERVAL,
    MIN_CONNECT_TIMEOUT,
    Schedule,
)
from tests.support import rounds

START = 1000.0


def test_an_attempt_has_the_longer_to_connect_the_longer_the_way() -> None:
    def seconds(round_trip: float, *, indirect: bool = False) -> float:
        tries = Schedule(indirect=indirect)
        tries.round_trip = round_trip
        tries.plan(START)
        found = tries.start_due(START)
        assert found is not None
        return found

    assert seconds(0.1) == MIN_CONNECT_TIMEOUT
    assert seconds(0.3) == MIN_CONNECT_TIMEOUT + 3
    assert seconds(0.3, indirect=True) == MIN_CONNECT_TIMEOUT + 3
    assert seconds(0, indirect=True) > MIN_CONNECT_TIMEOUT + 1, "of a link whose round trip is unknown"


def test_after_an_hour_without_a_network_the_next_nudge_is_as_good_as_the_first() -> None:
    tries, now, moments = Schedule(), START, list[float]()
    tries.plan(now)
    while now < START + 3600:
        now = max(now, tries.due)
        begins = tries.start_due(now)
        assert begins is not None
        moments.append(now)
        tries.attempt_failed("no network")
    assert moments[-1] - moments[-2] == MAX_INTERVAL
    assert len([moment for moment in moments if moment < START + 30]) == 30
    now += 5
    tries.nudge(now)
    assert tries.due <= now
    begins = tries.start_due(now)
    assert begins is not None
    tries.attempt_failed("no network")
    assert tries.due == now + INTERVAL


def test_on_a_slower_network_attempts_get_the_time_that_they_need_whatever_nudges_come() -> None:
    """With two seconds each, no attempt logged in at a round trip of 0.5 s."""
    tries, now, seconds = Schedule(), START, 0.0
    tries.plan(now)
    while seconds < MAX_CONNECT_TIMEOUT:
        begins = tries.start_due(now)
        assert begins is not None
        now += (seconds := begins)
        tries.attempt_failed("no answer yet")
        tries.enter_pressed(now)
        assert now < START + 60


class Links(RuleBasedStateMachine):
    """A link and the attempts to replace it, carried out as `LinkKeeper` does."""

    @initialize(indirect=st.booleans(), round_trip=st.sampled_from([0.0, 0.02, 0.3]))
    def begins(self, indirect: bool, round_trip: float) -> None:
        self.now, self.round_trip = START, round_trip
        self.link, self.tries = LinkHealth(START), Schedule(indirect=indirect)
        self.link.round_trip = self.tries.round_trip = round_trip
        self.running = 0
        self.newest, self.nudged, self.refused = -inf, -inf, False
        self.free_since = START
        """The moment since which an attempt may begin."""

    def act(self) -> None:
        self.link.act(self.now)
        if self.link.state is Health.UP:
            self.running = 0  # the link has won
            self.tries.reset()
            self.refused = False
        else:
            self.tries.plan(self.now)
            while self.tries.start_due(self.now) is not None:
                assert not self.refused, "a refusal ends attempts until Enter"
                gap = self.now - self.newest
                assert gap >= INTERVAL - 1e-6 or (self.nudged >= self.newest and gap >= INTERVAL_AFTER_NUDGE - 1e-6)
                self.newest, self.free_since = self.now, self.now
                self.running += 1
        assert self.tries.running == self.running, "nothing else ends one"
        assert self.running <= MAX_AT_ONCE

    @rule(seconds=st.floats(0.001, 3))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while min(self.link.due, self.tries.due) <= until:
            self.now = max(self.now, min(self.link.due, self.tries.due))
            self.act()
            assert min(self.link.due, self.tries.due) > self.now, "it would turn without end"
        self.now = until

    @rule(seconds=st.floats(3, 5000))
    def the_process_is_stopped(self, seconds: float) -> None:
        self.now += seconds
        self.free_since = self.now
        self.act()

    @rule(pong=st.booleans())
    def bytes_come(self, pong: bool) -> None:
        self.link.heard(self.now, [self.link._awaited_pong] if pong else [])
        self.act()

    @rule()
    def a_key(self) -> None:
        self.link.key_sent(self.now)
        self.act()

    @rule()
    def a_nudge(self) -> None:
        self.link.nudge(self.now)
        self.tries.nudge(self.now)
        self.nudged = self.now
        self.act()

    @rule()
    def enter(self) -> None:
        self.tries.enter_pressed(self.now)
        self.refused, self.nudged, self.free_since = False, self.now, self.now
        self.act()

    @rule()
    @precondition(lambda self: not self.link.state.lost)
    def the_link_is_closed(self) -> None:
        self.link.lose(Health.CLOSED)
        self.free_since = self.now
        self.act()

    @rule(refused=st.integers(0, 9))
    @precondition(lambda self: self.running)
    def an_attempt_fails(self, refused: int) -> None:
        self.running -= 1
        self.refused = self.refused or refused == 0
        self.tries.attempt_failed("", refusal=LoginRefused("no") if refused == 0 else None)
        self.free_since = self.now
        self.act()

    @rule()
    @precondition(lambda self: self.running)
    def an_attempt_wins(self) -> None:
        self.running = 0
        self.refused = False
        self.tries.reset()
        self.link = LinkHealth(self.now)
        self.act()

    @invariant()
    def a_lost_link_is_always_tried_for(self) -> None:
        if self.link.state.lost and not self.refused and self.running < MAX_AT_ONCE:
            longest = MAX_CONNECT_TIMEOUT + keeper.LOGIN_ROUND_TRIPS * max(self.round_trip, keeper.LONG_ROUND_TRIP)
            assert self.tries.due <= max(self.free_since, self.newest) + longest

    @invariant()
    def nothing_is_tried_beside_a_link_that_answers(self) -> None:
        if self.link.state is Health.UP:
            assert not self.running
            assert self.tries.due == inf


Links.TestCase.settings = settings(max_examples=rounds(30, 2000), stateful_step_count=30, deadline=None)
TestLinks = Links.TestCase
