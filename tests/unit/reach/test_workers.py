"""Work in threads: what each has to say comes as it is said, and is taken by one that waits for a descriptor."""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable, Iterator

import pytest

from sesh.errors import InternalError, Interrupted, LocalFault, NotDeployed, SeshError
from sesh.reach import workers
from sesh.reach.workers import Turns, Workers
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
        assert stopped.wait(10), "nobody stopped it"
    stop.check()


def saying(*items: str) -> Callable[[Stop], Iterator[str]]:
    """Work that says something, and then nothing until it is stopped."""

    def work(stop: Stop) -> Iterator[str]:
        yield from items
        rest(stop)

    return work


def failing(error: Exception) -> Callable[[Stop], Iterator[str]]:
    def work(_stop: Stop) -> Iterator[str]:
        raise error

    return work


def test_what_each_says_comes_as_it_is_said_and_an_error_ends_that_one_alone() -> None:
    heard = threading.Event()

    def work(stop: Stop) -> Iterator[str]:
        yield "begins"
        assert heard.wait(10)
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


def test_work_that_is_done_says_nothing_of_it_and_runs_no_longer() -> None:
    with Workers[str, str]() as workers:
        workers.begin("box", lambda _stop: iter(["all"]))
        assert taken(workers, 1) == [("box", "all")]
        wait_until(lambda: workers.take() == [] and not workers.running)


def test_what_this_machine_lacks_is_one_kind_of_error_whoever_meets_it() -> None:
    """It was `unreachable` on a held link, and the fault of this machine in a question."""
    with Workers[str, str]() as workers:
        workers.begin("box", failing(OSError(errno.EMFILE, os.strerror(errno.EMFILE))))
        ((_, error),) = taken(workers, 1)
        assert isinstance(error, LocalFault)
        assert error.reason == os.strerror(errno.EMFILE)
        workers.begin("box", failing(KeyError("ours")))
        ((_, error),) = taken(workers, 1)
        assert isinstance(error, InternalError)


def test_a_thread_that_cannot_start_is_the_error_of_that_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended the whole list, and the host counted as one that is followed."""

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with Workers[str, str]() as workers:
        with monkeypatch.context() as scarce:
            scarce.setattr(threading.Thread, "start", start)
            workers.begin("box", saying("never"))
        ((host, error),) = taken(workers, 1)
        assert (host, type(error)) == ("box", LocalFault)
        assert not workers.running
        workers.begin("box", saying("now"))
        assert taken(workers, 1) == [("box", "now")]


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


def test_one_that_is_left_is_heard_no_more() -> None:
    with Workers[str, str]() as workers:
        workers.begin("box", saying("box"))
        assert select.select([workers.inbound], [], [], 10)[0]
        workers.end("box")
        assert workers.take() == []
        workers.begin("box", saying("box"))
        assert taken(workers, 1) == [("box", "box")]


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


def test_five_that_hang_hold_up_nobody_who_waits_for_a_turn() -> None:
    """Five of eight turns were theirs for 20 seconds, and all other hosts had the rest."""
    turns, over, done = Turns(8), threading.Event(), []

    def hang() -> None:
        with turns:
            over.wait(10)

    def answer(number: int) -> None:
        with turns:
            done.append(number)

    hanging = [threading.Thread(target=hang) for _ in range(20)]
    answering = [threading.Thread(target=answer, args=(number,)) for number in range(40)]
    for thread in (*hanging, *answering):
        thread.start()
    for thread in answering:
        thread.join(10)
    assert sorted(done) == [*range(40)]
    assert all(thread.is_alive() for thread in hanging)
    over.set()
    for thread in hanging:
        thread.join(10)


def test_no_more_have_a_turn_at_once_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_COUNTS_FOR", 60.0)
    turns, most, at_once = Turns(3), [0], [0]
    changing = threading.Lock()

    def turn() -> None:
        with turns:
            with changing:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            with changing:
                at_once[0] -= 1

    threads = [threading.Thread(target=turn) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= most[0] <= 3
