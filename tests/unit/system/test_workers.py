"""Work in threads: unclaimed items pause a worker, and all end with the block."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from sesh.errors import Interrupted, SeshError
from sesh.system.workers import Stop, Workers, each
from tests.support import wait_until

MAX_UNREAD = 1000
"""The number of items that may wait to be taken."""


def rest(stop: Stop) -> None:
    stopped = threading.Event()
    with stop.calling(stopped.set):
        assert stopped.wait(30), "nobody stopped it"
    stop.check()


def test_one_that_says_more_than_is_taken_waits_and_leaving_ends_all() -> None:
    said: list[str] = []
    ended: list[str] = []

    def loud(_stop: Stop) -> Iterator[str]:
        try:
            while True:
                said.append("again")
                yield "again"
        finally:
            ended.append("loud")

    def quiet(stop: Stop) -> Iterator[str]:
        try:
            rest(stop)
            yield ""
        finally:
            ended.append("quiet")

    with Workers[str, str]() as workers:
        workers.begin("loud", loud)
        workers.begin("quiet", quiet)
        wait_until(lambda: len(said) == MAX_UNREAD + 1, "it has said one more than may wait")
        assert len(workers.take()) == MAX_UNREAD, "the last one waited"
        wait_until(lambda: len(said) == 2 * MAX_UNREAD + 1, "it goes on once there is room")
    wait_until(lambda: sorted(ended) == ["loud", "quiet"], "both programs have ended")


def test_who_leaves_waits_for_what_threads_have_begun_to_end() -> None:
    """A list returned while a thread was still ending its ssh, which went on."""
    begun, ended = threading.Event(), threading.Event()

    def work(stop: Stop) -> Iterator[str]:
        yield "begins"
        try:
            begun.set()
            rest(stop)
        finally:
            threading.Event().wait(0.05)  # as long as an ssh has to end by itself
            ended.set()

    with Workers[str, str]() as workers:
        workers.begin("a", work)
        assert begun.wait(30)
    assert ended.is_set()


def test_no_more_run_at_a_time_than_is_said_and_the_others_take_their_turn() -> None:
    """Kill, MCP, deploys and hosts had a pool, semaphores and loops of their own for that."""
    running: list[int] = []
    most: list[int] = []
    goes_on = threading.Event()

    def call(number: int, _stop: Stop) -> int:
        running.append(number)
        most.append(len(running))
        goes_on.wait(0.01)
        running.remove(number)
        if number == 3:
            raise SeshError("three")
        return number * 2

    results = dict(each({number: partial(call, number) for number in range(10)}, most=3))
    assert max(most) == 3
    assert str(results.pop(3)) == "three"
    assert results == {number: number * 2 for number in range(10) if number != 3}


def test_a_stop_or_a_deadline_ends_what_runs_and_what_waits_never_begins() -> None:
    begun: list[str] = []

    def call(name: str, stop: Stop) -> None:
        begun.append(name)
        rest(stop)

    calls = {name: partial(call, name) for name in ("a", "b", "c")}
    assert list(each(calls, most=2, deadline=time.monotonic() + 0.1)) == []
    assert sorted(begun) == ["a", "b"]
    whole = Stop()
    timer = threading.Timer(0.1, whole.stop)
    timer.start()
    with pytest.raises(Interrupted):
        list(each(calls, most=1, stop=whole))
    assert sorted(begun) == ["a", "a", "b"]
    timer.join()
