"""A watched link: one of several attempts, each in a thread, brings another connection."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sesh import descriptors, wire
from sesh.errors import Interrupted, LoginRefused, Unreachable
from sesh.link import health, schedule
from sesh.link.race import Attempt, LostSession, Way
from sesh.link.reopen import Reopen
from sesh.link.wake import Wake
from tests.support import wait_until

SESSION = LostSession("work", "box", "abc", 7, 0.0)


def connection() -> wire.Connection:
    inbound, outbound = os.pipe()
    return wire.Connection(inbound, outbound)


def ways(*steps: Exception | wire.Connection) -> Way:
    """Return a way whose attempts have these results in turn; a connection wins the race."""
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
        monkeypatch.setattr(schedule, name, 0.005)
    for name in ("PATIENCE", "QUIET"):
        monkeypatch.setattr(health, name, 0.005)


@pytest.fixture
def there() -> Iterator[wire.Connection]:
    own = connection()
    yield own
    own.close()


@pytest.fixture
def made() -> Iterator[Callable[[Way], Reopen]]:
    """Yield a function that makes the watch over a link, whose attempts take a way."""
    found: list[Reopen] = []

    def make(way: Way, *, asks: bool = False) -> Reopen:
        found.append(Reopen(way, session=lambda: SESSION, login_asked=lambda: asks))
        return found[-1]

    yield make
    for each in found:
        each.close()


Made = Callable[..., Reopen]


def until(watch: Reopen, done: Callable[[], object]) -> object:
    """Run a watch over a link until `done()` is true or the watch has a result; return the result."""
    results: list[object] = []

    def turn() -> bool:
        ready = descriptors.polled([(descriptor, select.POLLIN) for descriptor in watch.descriptors], 0.0)
        results.append(watch.run(ready))
        return results[-1] is not None or bool(done())

    wait_until(turn, interval=0.002)
    return results[-1]


def test_of_two_that_answer_at_once_one_alone_asks_and_if_that_fails_another_may(
    made: Made, there: wire.Connection
) -> None:
    """Each attempt greeted the session, and the last one took the place of the others."""
    answer, fail = threading.Barrier(3), threading.Event()
    turns: list[LostSession | None] = []
    closed: list[wire.Connection] = []
    outcomes: list[Exception | wire.Connection] = [Unreachable("it broke"), there]

    def attempt(one: Attempt) -> wire.Connection:
        if turns:
            spare = there
        else:
            spare = connection()
            answer.wait(30)
        try:
            one.win(spare)
        except Interrupted:
            closed.append(spare)
            raise
        turns.append(one.session())
        fail.wait(30)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    watch = made(attempt)
    watch.closed()
    until(watch, lambda: watch.schedule.running == 2)
    answer.wait(30)
    until(watch, lambda: turns and watch.schedule.running == 1)
    assert turns == [SESSION]
    fail.set()
    assert until(watch, bool) is there
    assert turns == [SESSION] * 2
    assert [each.inbound for each in closed] == [-1], "the connection of the one that lost"


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

    watch = made(attempt)
    until(watch, lambda: watch.schedule.running)
    watch.health.heard(time.monotonic(), pong=True)
    assert watch.run(()) is None
    assert ended.is_set()
    assert not watch.schedule.running
    other = made(asking)
    until(other, lambda: other._race.decided)
    other.health.heard(time.monotonic(), pong=True)
    assert other.run(()) is None
    go_on.set()
    assert until(other, bool) is there
    assert there.inbound >= 0


def test_a_refusal_beside_a_link_that_answers_counts_for_nothing(made: Made, there: wire.Connection) -> None:
    """When the link was lost an hour later, the client asked for a login without trying first."""
    watch = made(ways(LoginRefused("the agent is locked"), there))
    until(watch, lambda: watch.schedule.refusal)
    watch.health.heard(time.monotonic(), pong=True)
    watch.run(())
    watch.closed()
    assert until(watch, bool) is there


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="there waking shows as a change of routes")
def test_a_machine_that_has_slept_is_a_sign_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wake, at = Wake(), time.clock_gettime
    assert not wake.happened(())
    monkeypatch.setattr(time, "clock_gettime", lambda clock: at(clock) + 30 * (clock == time.CLOCK_BOOTTIME))
    assert wake.happened(())
    assert not wake.happened(())
    wake.close()
