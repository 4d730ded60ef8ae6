"""A watched link: one of several attempts brings another connection."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from math import inf
from unittest.mock import Mock

import pytest

from sesh.errors import LoginRefused
from sesh.link import health, opening
from sesh.link import keeper as keeping
from sesh.link.health import LinkHealth
from sesh.link.keeper import LinkKeeper
from sesh.link.link import Link
from sesh.link.opening import Race
from sesh.remote import known
from sesh.remote.ssh.destination import Destination
from sesh.system import descriptors
from sesh.system.clock import uptime
from sesh.wire.connection import Connection
from tests.support import wait_until

Start = Callable[..., None]


class Attempt(Link):
    """The link of an attempt, which is open as soon as `arrives` was called."""

    open_by = inf
    output = Mock(**{"reason.return_value": ""})

    def __init__(self) -> None:
        Connection.__init__(self, *os.pipe())  # no ssh runs
        self.health = LinkHealth(uptime())

    def close(self) -> None:
        Connection.close(self)

    def arrives(self) -> None:
        os.write(self.outbound, b".")

    def read_welcome(self) -> bool:
        return True


def results(*steps: Exception | Attempt) -> Start:
    """Return a function that starts attempts with these results, one after the other."""
    rest = list(steps)

    def start(race: Race, *_: object) -> None:
        step = rest.pop(0)
        if isinstance(step, Exception):
            raise step
        race.links.append(step)
        step.arrives()

    return start


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "renew_shared_connection", lambda *_, is_silent: is_silent)
    for name in ("INTERVAL", "MIN_CONNECT_TIMEOUT", "INTERVAL_AFTER_NUDGE"):
        monkeypatch.setattr(keeping, name, 0.005)
    for name in ("DOUBTED_AFTER", "PING_AFTER"):
        monkeypatch.setattr(health, name, 0.005)


@pytest.fixture
def next_link() -> Iterator[Attempt]:
    own = Attempt()
    yield own
    own.close()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Start], LinkKeeper]]:
    """Yield a function that makes the keeper of a link from its function for attempts."""
    found: list[LinkKeeper] = []

    def make(start: Start, *, login_prompted: bool = False) -> LinkKeeper:
        monkeypatch.setattr(Race, "reopen", start)
        monkeypatch.setattr(known, "login_prompted", lambda _: login_prompted)
        found.append(LinkKeeper(Destination("box", settings={}), lambda _: None))
        return found[-1]

    yield make
    for each in found:
        each.close()


Made = Callable[..., LinkKeeper]


def until(keeper: LinkKeeper, done: Callable[[], object]) -> object:
    """Run a keeper until `done()` is true or it has a result; return the result."""
    results: list[object] = []

    def turn() -> bool:
        ready = descriptors.polled([(descriptor, select.POLLIN) for descriptor in keeper.descriptors], 0.0)
        results.append(keeper.run(ready) or keeper.refusal)
        return results[-1] is not None or bool(done())

    wait_until(turn, "the keeper has a result, or it is done", interval=0.002)
    return results[-1]


def test_of_two_links_that_come_at_once_one_is_taken_and_the_other_is_closed(made: Made) -> None:
    both = [Attempt(), Attempt()]

    def start(race: Race, *_: object) -> None:
        race.links.append(both[len(race.links)])
        if len(race.links) == len(both):
            for each in both:
                each.arrives()

    taken = until(made(start), bool)
    assert [each for each in both if each.inbound >= 0] == [taken]
    both[0].close()


def test_a_refusal_beside_a_link_that_answers_counts_for_nothing(made: Made, next_link: Attempt) -> None:
    """After a loss an hour later, the client asked for a login without a try."""
    keeper = made(results(LoginRefused("the agent is locked"), next_link))
    until(keeper, lambda: keeper.schedule.refusal)
    keeper.health.heard(uptime(), [keeper.health._awaited_pong])
    keeper.run(())
    keeper.link_closed()
    assert until(keeper, bool) is next_link


def test_where_a_login_asks_somebody_no_storm_of_nudges_puts_off_the_attempt(
    made: Made, next_link: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each nudge put off the loss, so that no login was ever offered."""
    monkeypatch.setattr(health, "LOST_AFTER", 0.3)
    keeper = made(results(next_link), login_prompted=True)
    assert until(keeper, keeper.nudge) is next_link


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="there waking shows as a change of routes")
def test_a_link_is_tested_once_after_the_machine_has_slept(
    made: Made, next_link: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, at, pings = made(results()), time.clock_gettime, list[bytes]()
    monkeypatch.setattr(health, "PING_AFTER", 3.0)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: at(clock) + 30 * (clock == time.CLOCK_BOOTTIME))
    next_link.health = LinkHealth(uptime() - 30)
    keeper.watch(next_link, pings.append)
    keeper.run(())
    keeper.run(())
    assert len(pings) == 1
