"""The health of a link: when it is pinged, doubted and lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from subprocess import PIPE, Popen
from tempfile import TemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.link.health import (
    BUSY_PING_INTERVAL,
    DOUBTED_AFTER,
    LOST_AFTER,
    NUDGE_TIMEOUT,
    PING_AFTER,
    PING_AFTER_KEY,
    Health,
    LinkHealth,
)
from sesh.link.link import Link
from sesh.remote.ssh.destination import Destination
from sesh.system.clock import uptime
from sesh.wire import protocol

START = 1000.0


class Clock:
    """A link, and a clock that advances until something is due."""

    def __init__(self, round_trip: float = 0.0) -> None:
        self.now = START
        self.link = LinkHealth(START)
        self.link.round_trip = round_trip
        self.pings: list[float] = []

    def run(self, seconds: float) -> None:
        """Let so much time pass, and do what is due."""
        until = self.now + seconds
        while self.link.due <= until:
            self.now = max(self.now, self.link.due)
            if self.link.act(self.now):
                self.pings.append(round(self.now - START, 3))
            assert self.link.due > self.now, "it would turn without end"
        self.now = until

    def heard(self, *, pong: bool = False) -> None:
        self.link.heard(self.now, [self.link._awaited_pong] if pong else [])

    def state(self) -> Health:
        return self.link.state


def test_silence_is_asked_about_then_doubted_then_a_loss() -> None:
    clock = Clock(round_trip=0.1)
    clock.run(PING_AFTER + DOUBTED_AFTER + 0.1)
    assert (clock.pings, clock.state()) == ([PING_AFTER], Health.UP)
    clock.run(0.1)
    assert clock.state() is Health.DOUBTED
    clock.run(LOST_AFTER - 1)
    assert clock.state() is Health.DOUBTED
    clock.run(1)
    assert (clock.pings, clock.state(), clock.link.due) == ([PING_AFTER], Health.SILENT, inf)
    clock.heard(pong=True)
    assert clock.state() is Health.SILENT


def test_what_comes_ends_a_doubt_and_puts_off_the_next_ping() -> None:
    clock = Clock()
    clock.run(PING_AFTER + 1)
    assert clock.state() is Health.DOUBTED
    clock.heard(pong=True)
    clock.link.round_trip = 0.0
    assert clock.state() is Health.UP
    clock.run(PING_AFTER - 0.1)
    clock.heard()
    clock.run(PING_AFTER)
    assert clock.pings == [PING_AFTER, PING_AFTER + 1 + PING_AFTER - 0.1 + PING_AFTER]


def test_a_link_that_output_keeps_busy_is_asked_once_a_minute() -> None:
    """Without a PING, the host would end the link, because nothing would come from it."""
    clock = Clock()
    for _ in range(int(25 * BUSY_PING_INTERVAL)):
        clock.run(0.1)
        clock.heard()
    assert len(clock.pings) == 2
    assert clock.state() is Health.UP


def test_a_key_into_silence_is_asked_about_at_once_and_any_other_once_there_is_silence() -> None:
    clock = Clock()
    clock.run(1.5)
    clock.link.key_sent(clock.now)
    clock.run(0.1)
    clock.heard(pong=True)
    clock.link.key_sent(clock.now)
    clock.run(PING_AFTER_KEY)
    assert clock.pings == [1.5, 1.6 + PING_AFTER_KEY]


def test_a_nudge_leaves_a_link_little_time_whatever_its_round_trip_and_nudges_in_a_row_are_one() -> None:
    clock = Clock(round_trip=0.3)
    for _ in range(4):
        clock.link.nudge(clock.now)
        clock.run(NUDGE_TIMEOUT / 4)
    assert (clock.pings, clock.state()) == ([0], Health.DOUBTED)


def test_bytes_that_were_under_way_before_a_question_are_no_answer_and_the_answer_always_is() -> None:
    for pong, state in ((False, Health.DOUBTED), (True, Health.UP)):
        clock = Clock()
        clock.link.nudge(clock.now)
        clock.run(0.02)
        clock.heard(pong=pong)
        clock.run(0.2)
        assert clock.state() is state


@pytest.mark.parametrize("late", [0.001, 0.03, 0.3])
def test_a_slow_link_whose_next_bytes_come_just_after_the_question_is_not_doubted(late: float) -> None:
    """A key beside a flood over 2 KB/s had another link opened, and what was on its way sent again."""
    clock = Clock(round_trip=0.1)
    clock.heard()
    clock.link.key_sent(clock.now)
    clock.run(PING_AFTER_KEY + late)
    clock.heard()
    clock.run(PING_AFTER_KEY)
    assert (clock.pings, clock.state()) == ([PING_AFTER_KEY], Health.UP)


def test_a_process_that_was_stopped_asks_before_it_gives_up() -> None:
    clock = Clock()
    clock.run(PING_AFTER + 0.1)
    clock.now += 3600
    assert clock.link.act(clock.now)
    assert clock.state() is not Health.SILENT
    clock.heard(pong=True)
    assert clock.state() is Health.UP


@pytest.mark.parametrize("stopped", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("pinged", [False, True])
@pytest.mark.parametrize("nudged", [False, True])
def test_what_lay_unread_since_before_a_stop_proves_nothing(stopped: float, *, pinged: bool, nudged: bool) -> None:
    """It put off the next test of a dead link by three seconds."""
    clock = Clock()
    clock.run(PING_AFTER + 0.1 if pinged else 0.0)
    clock.now += stopped
    if nudged:
        clock.link.nudge(clock.now)
    elif stopped < PING_AFTER:
        return  # nothing tells that it was stopped
    clock.heard(pong=pinged and stopped > PING_AFTER)
    asked = len(clock.pings)
    clock.run(NUDGE_TIMEOUT)
    assert clock.state() is Health.DOUBTED
    assert (pinged and stopped < PING_AFTER) or len(clock.pings) > asked


def test_one_long_sample_of_the_round_trip_is_a_busy_machine() -> None:
    clock = Clock()
    for seconds in (60.0, 0.2, 0.3, 0.4, 0.5):
        clock.link.new_ping(clock.now)
        clock.now += seconds
        clock.heard(pong=True)
    assert clock.link.round_trip == pytest.approx(0.3)


@contextmanager
def link_to_an_echo() -> Iterator[Link]:
    with TemporaryFile() as stderr, Popen(["cat"], stdin=PIPE, stdout=PIPE, bufsize=0) as process:
        link = Link(Destination("box", settings={}), process, stderr, inf)
        yield link
        link.close()


def test_a_link_tells_its_health_of_each_byte_and_a_late_pong_is_not_that_of_the_newest_ping() -> None:
    began = uptime() - 1
    with link_to_an_echo() as link:
        link.health = health = LinkHealth(began)
        first, newest = health.new_ping(began), health.new_ping(began + 0.5)
        assert len(newest) <= 2, "it goes over slow links"
        link.decode(protocol.frame(protocol.PONG, first))
        assert (health.heard_at > began, health.round_trip) == (True, 0.0)
        link.decode(protocol.frame(protocol.PONG, newest))
        assert health.round_trip >= 0.5


def test_a_long_login_is_no_silence_of_the_link_that_it_opens() -> None:
    """The login passed for a stop of the machine, and another one began."""
    with link_to_an_echo() as link:
        link.health = LinkHealth(uptime() - 6)
        link.send(protocol.BRIDGE + protocol.message(protocol.WELCOME, {"protocol": protocol.PROTOCOL}))
        while not link.read_welcome():
            continue
        assert link.health.act(uptime()) == b""


@given(st.floats(0, 40), st.floats(0.01, 5), st.none() | st.floats(0.01, 4))
def test_in_any_storm_of_nudges_only_a_silent_link_is_lost(last: float, pace: float, trip: float | None) -> None:
    clock = Clock()
    while clock.now < START + last:
        clock.run(min(0.06, START + last - clock.now))
        clock.heard()
    until = clock.now + LOST_AFTER + PING_AFTER + 0.5
    while clock.now < until:
        clock.run(min(pace, until - clock.now))
        clock.link.nudge(clock.now)
        clock.link.key_sent(clock.now)
        if trip is not None and clock.pings and clock.now >= START + clock.pings[-1] + trip:
            clock.heard(pong=True)
    assert (clock.state() is Health.SILENT) is (trip is None)
