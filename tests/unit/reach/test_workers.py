"""Work in threads: what each has to say comes as it is said, and is taken by one that waits for a descriptor."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator

import pytest

from sesh.errors import Interrupted, NotDeployed, SeshError
from sesh.reach.workers import Workers
from sesh.stop import Stop
from tests.support import wait_until

MOST_UNREAD = 1000
"""Items that may wait to be taken."""
Said = list[tuple[str, str | SeshError]]


def taken(workers: Workers[str, str], count: int) -> Said:
    """What has come once it is so much."""
    arrived: Said = []
    while len(arrived) < count:
        assert select.select([workers.inbound], [], [], 10)[0], f"only {arrived} came"
        arrived += workers.take()
    return arrived


def rest(stop: Stop) -> None:
    """Says nothing more until it is stopped."""
    stopped = threading.Event()
    with stop.calling(stopped.set):
        assert stopped.wait(30), "nobody stopped it"
    stop.check()


def failing(error: Exception) -> Callable[[Stop], Iterator[str]]:
    def work(_stop: Stop) -> Iterator[str]:
        raise error

    return work


def test_what_each_says_comes_as_it_is_said_and_an_error_ends_that_one_alone() -> None:
    heard = threading.Event()

    def work(stop: Stop) -> Iterator[str]:
        yield "begins"
        assert heard.wait(30)
        yield "goes on"
        rest(stop)

    with Workers[str, str]() as workers:
        for host in ("a", "b"):
            workers.begin(host, work)
        workers.begin("bare", failing(NotDeployed("bare has no sesh")))
        came = taken(workers, 3)
        assert {(host, item) for host, item in came if isinstance(item, str)} == {("a", "begins"), ("b", "begins")}
        assert [(host, type(item)) for host, item in came if isinstance(item, SeshError)] == [("bare", NotDeployed)]
        assert workers.running == {"a", "b"}
        heard.set()
        assert sorted(taken(workers, 2)) == [("a", "goes on"), ("b", "goes on")]


def test_nothing_is_an_item_too() -> None:
    """An answer typed into the watch list came to nothing, and was taken for the end."""
    with Workers[str, None]() as workers:
        workers.begin("a", lambda _stop: iter([None]))
        arrived: list[tuple[str, SeshError | None]] = []
        while workers.running:
            assert select.select([workers.inbound], [], [], 10)[0]
            arrived += workers.take()
        assert arrived == [("a", None)]


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
        wait_until(lambda: len(said) == MOST_UNREAD + 1, what="it has said one more than may wait")
        assert len(workers.take()) == MOST_UNREAD, "the last one waited"
        wait_until(lambda: len(said) == 2 * MOST_UNREAD + 1, what="it goes on once there is room")
    wait_until(lambda: sorted(ended) == ["loud", "quiet"])


def test_who_leaves_waits_for_what_threads_have_begun_to_end() -> None:
    """A list ended while a thread was just ending its ssh, which went on."""
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


def test_what_was_left_says_nothing_under_the_name_that_was_begun_anew() -> None:
    """A link on its way down said that the new one was lost."""
    left: list[Stop] = []

    def work(stop: Stop) -> Iterator[str]:
        left.append(stop)
        yield "begins"
        rest(stop)

    with Workers[str, str]() as workers:
        workers.begin("box", work)
        assert taken(workers, 1) == [("box", "begins")]
        workers.end("box")
        workers.begin("box", work)
        assert taken(workers, 1) == [("box", "begins")]
        with pytest.raises(Interrupted):
            workers.put("box", left[0], "lost")
        workers.put("box", left[1], "lost")
        assert taken(workers, 1) == [("box", "lost")]
