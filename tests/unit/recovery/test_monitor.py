"""A link under watch: attempts in threads, of which one brings another connection, or the reason why none does."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sesh import link_state, wire
from sesh.errors import Ended, Interrupted, LoginRefused, NotDeployed, Refused, SeshError, TimedOut, Unreachable
from sesh.link_state import LinkState
from sesh.recovery.attempts import Attempt
from sesh.recovery.monitor import Monitor
from sesh.stop import Stop
from tests.support import wait_until
from tests.support.data import job_result

Step = Exception | wire.Connection


def connection() -> wire.Connection:
    inbound, outbound = os.pipe()
    return wire.Connection(inbound, outbound)


def ways(*steps: Step) -> Callable[[Attempt], wire.Connection]:
    """Attempts with these results, one after the other."""
    rest = list(steps)

    def attempt(_: Attempt) -> wire.Connection:
        step = rest.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    return attempt


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PACE", "AGAIN", "CLOSED_PAUSE", "ANSWER_TIME", "QUIET"):
        monkeypatch.setattr(link_state, name, 0.005)


@pytest.fixture
def there() -> Iterator[wire.Connection]:
    own = connection()
    yield own
    own.close()


def monitor(open_link: Callable[[Attempt], wire.Connection], **options: int | bool) -> Monitor:
    return Monitor(LinkState(time.monotonic(), **options), open_link)  # type: ignore[arg-type]


def waited(open_link: Callable[[Attempt], wire.Connection], deadline: float | None = None) -> wire.Connection:
    return monitor(open_link, at_once=1).wait("box", lambda _: None, deadline)


def test_what_fails_for_the_link_s_sake_is_tried_again(there: wire.Connection) -> None:
    steps = Unreachable("no"), TimedOut("no"), OSError(28, "No space left on device"), Unreachable("no")
    assert waited(ways(*steps, there)) is there


@pytest.mark.parametrize("error", [LoginRefused("asks"), NotDeployed("none"), Ended("ended", job_result(exit_code=9))])
def test_what_no_other_attempt_would_help_against_is_raised(error: SeshError) -> None:
    with pytest.raises(type(error)):
        waited(ways(Unreachable("no"), error))


def test_who_stops_waiting_ends_the_attempt_and_a_connection_that_comes_late_is_closed(there: wire.Connection) -> None:
    stop, ended, begun = Stop(), threading.Event(), threading.Event()

    def attempt(one: Attempt) -> wire.Connection:
        with one.calling(ended.set):
            begun.set()
            assert ended.wait(30)
            return there

    def stopped() -> None:
        assert begun.wait(30)
        stop.stop()

    threading.Thread(target=stopped, daemon=True).start()
    with pytest.raises(Interrupted):
        monitor(attempt).wait("box", stop.sleep, None)
    assert ended.is_set()
    wait_until(lambda: there.inbound == -1)


def test_of_two_that_succeed_at_once_one_is_closed(there: wire.Connection) -> None:
    other, go = connection(), threading.Barrier(3)

    def attempt(_: Attempt) -> wire.Connection:
        go.wait(30)
        return results.pop()

    results = [there, other]
    watch = monitor(attempt)
    watch.state.closed(time.monotonic())
    until(watch, lambda: len(watch.state.attempts) == 2)
    watch.state.refusal = LoginRefused("box asks")  # no third
    go.wait(30)
    wait_until(lambda: all(attempt.result is not None for attempt in watch._attempts.values()))
    won = watch.run(readable(watch))
    assert sorted(one.inbound >= 0 for one in (there, other)) == [False, True]
    assert isinstance(won, wire.Connection)
    assert won.inbound >= 0
    other.close()


def readable(watch: Monitor) -> list[int]:
    return wire.polled([(descriptor, select.POLLIN) for descriptor in watch.descriptors], 0.0)


def until(watch: Monitor, done: Callable[[], object]) -> object:
    """Runs a watch over a link that may live until something is so; its result."""
    results: list[object] = []

    def turn() -> bool:
        results.append(watch.run(readable(watch)))
        return results[-1] is not None or bool(done())

    wait_until(turn, interval=0.002)
    return results[-1]


def test_attempts_end_where_the_link_answers() -> None:
    ended = threading.Event()

    def attempt(one: Attempt) -> wire.Connection:
        with one.calling(ended.set):
            ended.wait(30)
        raise Unreachable("ended")

    watch = monitor(attempt)
    until(watch, lambda: watch.state.attempts)
    watch.state.heard(time.monotonic())
    watch.state.answered()
    assert watch.run(()) is None
    assert ended.is_set()
    assert watch.descriptors == ()


def test_where_somebody_would_be_asked_a_link_is_not_replaced_before_it_is_lost(there: wire.Connection) -> None:
    lost: list[bool] = []

    def attempt(one: Attempt) -> wire.Connection:
        lost.append(one.lost)
        if not one.lost:
            raise Refused("nobody is asked")
        return there

    watch = monitor(attempt)
    until(watch, lambda: not watch.state.beside)
    watch.state.closed(time.monotonic())
    assert until(watch, bool) is there
    assert lost == [False, True]


def test_a_refusal_beside_a_silent_link_is_the_last_word_once_that_is_lost() -> None:
    refusal = LoginRefused("box asks")
    watch = monitor(ways(refusal, ZeroDivisionError()))
    until(watch, lambda: watch.state.refusal)
    watch.state.closed(time.monotonic())
    assert until(watch, bool) is refusal


def test_a_refusal_beside_a_link_that_answers_counts_for_nothing(there: wire.Connection) -> None:
    """When the link was lost an hour later the client asked for a login, without an attempt."""
    watch = monitor(ways(LoginRefused("the agent is locked"), there))
    until(watch, lambda: watch.state.refusal)
    watch.state.heard(time.monotonic())
    watch.state.answered()
    watch.state.closed(time.monotonic())
    assert until(watch, bool) is there


def test_what_this_machine_lacks_is_the_reason_and_it_is_tried_again(
    there: wire.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a descriptor for the attempts the client left the session."""
    watch = monitor(ways(there))
    watch.state.closed(time.monotonic())

    def full() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", full)
        until(watch, lambda: watch.state.reason)
    assert watch.state.reason == "Too many open files here"
    assert until(watch, bool) is there
