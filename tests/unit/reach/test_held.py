"""What several hosts have to say, followed at once: each in a thread, taken by one that waits for a descriptor."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator

from sesh.errors import NotDeployed, SeshError
from sesh.reach.held import Held
from sesh.stop import Stop
from tests.support import wait_until


def taken(held: Held[str], count: int) -> list[tuple[str, str | SeshError]]:
    """What has come once it is so much."""
    arrived: list[tuple[str, str | SeshError]] = []
    while len(arrived) < count:
        assert select.select([held.inbound], [], [], 10)[0], f"only {arrived} came"
        arrived += held.take()
    return arrived


def rest(stop: Stop) -> None:
    """Says nothing more until it is stopped."""
    stopped = threading.Event()
    with stop.calling(stopped.set):
        stopped.wait(10)
    stop.check()


def test_what_each_host_says_comes_as_it_is_said_and_an_error_ends_that_host_alone() -> None:
    heard = threading.Event()

    def follow(host: str, stop: Stop) -> Iterator[str]:
        if host == "bare":
            raise NotDeployed("bare has no sesh")
        yield f"{host} begins"
        heard.wait(10)
        yield f"{host} goes on"
        rest(stop)

    with Held(follow) as held:
        for host in ("a", "b", "bare"):
            held.begin(host)
        came = taken(held, 3)
        assert {item for _, item in came if isinstance(item, str)} == {"a begins", "b begins"}
        assert [(host, type(item)) for host, item in came if isinstance(item, SeshError)] == [("bare", NotDeployed)]
        assert "bare" not in held
        assert "a" in held
        heard.set()
        assert sorted(str(item) for _, item in taken(held, 2)) == ["a goes on", "b goes on"]


def test_leaving_ends_all_threads_also_of_a_host_that_says_more_than_is_taken() -> None:
    ended: list[str] = []

    def follow(host: str, stop: Stop) -> Iterator[str]:
        try:
            while host == "loud":
                yield "again"
            rest(stop)
        finally:
            ended.append(host)

    with Held(follow) as held:
        held.begin("loud")
        held.begin("quiet")
        assert len(taken(held, 1)) <= 1000
    wait_until(lambda: sorted(ended) == ["loud", "quiet"])


def test_a_host_that_is_left_is_heard_no_more() -> None:
    def follow(host: str, stop: Stop) -> Iterator[str]:
        yield host
        rest(stop)

    with Held(follow) as held:
        held.begin("box")
        select.select([held.inbound], [], [], 10)
        held.end("box")
        assert held.take() == []
        held.begin("box")
        assert taken(held, 1) == [("box", "box")]
