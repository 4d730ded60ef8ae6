"""Work in threads: unclaimed items pause a worker, and all end with the block."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from sesh.system.workers import Stop, Workers
from tests.support import wait_until

MOST_UNREAD = 1000
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
        wait_until(lambda: len(said) == MOST_UNREAD + 1, "it has said one more than may wait")
        assert len(workers.take()) == MOST_UNREAD, "the last one waited"
        wait_until(lambda: len(said) == 2 * MOST_UNREAD + 1, "it goes on once there is room")
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
