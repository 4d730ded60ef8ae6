"""A watched link: one of several attempts, each in a thread, brings another connection."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sesh import descriptors, link_health, wire
from sesh.errors import Interrupted, LoginRefused, Unreachable
from sesh.link import attempts
from sesh.link.attempts import Attempt, Attempts, Reopen
from sesh.link.keeper import LinkKeeper
from sesh.link.wake import Wake
from tests.support import wait_until


def connection() -> wire.Connection:
    return wire.Connection(*os.pipe())


def ways(*steps: Exception | wire.Connection) -> Reopen:
    """Return a function whose attempts have these results in turn; a connection wins."""
    rest = list(steps)

    def attempt(own: Attempt) -> wire.Connection:
        step = rest.pop(0)
        if isinstance(step, Exception):
            raise step
        own.win(step)
        return step

    return attempt


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PACE", "CONNECT_TIME", "PACE_AFTER_SIGN"):
        monkeypatch.setattr(attempts, name, 0.005)
    for name in ("PATIENCE", "QUIET"):
        monkeypatch.setattr(link_health, name, 0.005)


@pytest.fixture
def there() -> Iterator[wire.Connection]:
    own = connection()
    yield own
    own.close()


@pytest.fixture
def made() -> Iterator[Callable[[Reopen], LinkKeeper]]:
    """Yield a function that makes the keeper of a link, whose attempts are made by a function."""
    found: list[LinkKeeper] = []

    def make(reopen: Reopen, *, asks: bool = False) -> LinkKeeper:
        found.append(LinkKeeper(reopen, login_asked=lambda: asks))
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
        results.append(keeper.run(ready))
        return results[-1] is not None or bool(done())

    wait_until(turn, interval=0.002)
    return results[-1]


def test_of_two_that_answer_at_once_one_alone_asks_and_if_that_fails_another_may(there: wire.Connection) -> None:
    """Each attempt greeted the session, and the last one took the place of the others."""
    running, answer, fail = Attempts(), threading.Barrier(2), threading.Event()
    spares, results = [connection(), connection()], list[object]()

    def attempt(one: Attempt) -> wire.Connection:
        answer.wait(30)
        one.win(spares[int(one.seconds)])
        fail.wait(30)
        spares[int(one.seconds)].close()
        raise Unreachable("it broke")

    def result() -> object:
        ready = descriptors.polled([(running.descriptor, select.POLLIN)], time.monotonic() + 30)
        results.extend(running.results(ready))
        return results[-1]

    for number in range(2):
        running.begin(Attempt(number), attempt)
    assert isinstance(result(), Interrupted)
    assert [each.inbound for each in spares].count(-1) == 1, "the connection of the one that lost is closed"
    assert running.decided
    fail.set()
    assert isinstance(result(), Unreachable)
    running.begin(Attempt(), ways(there))
    assert result() is there
    running.close()


def test_attempts_end_where_the_link_answers_but_the_one_that_has_asked(made: Made, there: wire.Connection) -> None:
    ended, go_on = threading.Event(), threading.Event()

    def attempt(one: Attempt) -> wire.Connection:
        with one.stop.calling(ended.set):
            ended.wait(30)
        raise Unreachable("ended")

    def asking(one: Attempt) -> wire.Connection:
        one.win(there)
        go_on.wait(30)
        return there

    keeper = made(attempt)
    until(keeper, lambda: keeper.schedule.running)
    keeper.health.heard(time.monotonic(), [keeper.health._unanswered])
    assert keeper.run(()) is None
    assert ended.is_set()
    assert not keeper.schedule.running
    other = made(asking)
    until(other, lambda: other._attempts.decided)
    other.health.heard(time.monotonic(), [other.health._unanswered])
    assert other.run(()) is None
    go_on.set()
    assert until(other, bool) is there
    assert there.inbound >= 0


def test_a_refusal_beside_a_link_that_answers_counts_for_nothing(made: Made, there: wire.Connection) -> None:
    """When the link was lost an hour later, the client asked for a login without trying first."""
    keeper = made(ways(LoginRefused("the agent is locked"), there))
    until(keeper, lambda: keeper.schedule.refusal)
    keeper.health.heard(time.monotonic(), [keeper.health._unanswered])
    keeper.run(())
    keeper.link_closed()
    assert until(keeper, bool) is there


def test_where_a_login_asks_somebody_no_storm_of_signs_puts_off_the_attempt(
    made: Made, there: wire.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sign put off the loss, and nothing is attempted before it: no login was ever offered."""
    monkeypatch.setattr(link_health, "LOST_AFTER", 0.3)
    keeper = made(ways(there), asks=True)
    assert until(keeper, keeper.sign) is there


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="there waking shows as a change of routes")
def test_a_machine_that_has_slept_is_a_sign_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wake, at = Wake(), time.clock_gettime
    assert not wake.happened(())
    monkeypatch.setattr(time, "clock_gettime", lambda clock: at(clock) + 30 * (clock == time.CLOCK_BOOTTIME))
    assert wake.happened(())
    assert not wake.happened(())
    wake.close()
