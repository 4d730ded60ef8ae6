"""A job's waiter over a link that breaks: what it asks for again, and what Ctrl-C means meanwhile."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sesh import link_state, protocol, wire
from sesh.cli import printing
from sesh.cli.jobs import FollowedOutput
from sesh.errors import Ended, InternalError, Interrupted, Unreachable
from sesh.reach.stream import Stream
from tests.support.data import job_result
from tests.unit.ops.job_daemon import Daemon, interrupts, link, of_a_host, waiting


@pytest.fixture
def links() -> Iterator[list[Daemon]]:
    with of_a_host() as daemons:
        yield daemons


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    pieces: list[bytes] = []
    monkeypatch.setattr(printing, "write", lambda data, *_: pieces.append(bytes(data)))
    return pieces


def beside(story: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=story, daemon=True)
    thread.start()
    return thread


def test_a_followed_job_goes_on_where_it_broke(links: list[Daemon], written: list[bytes]) -> None:
    asked: list[int | None] = []
    requests: list[dict[str, Any]] = []

    def again(stream: Stream) -> wire.Connection:
        asked.append(stream.position)
        return links[len(asked)].connection

    def story() -> None:
        requests.append(links[0].welcome())
        links[0].output(0, b"one\r\ntw")
        links[0].end.shutdown(socket.SHUT_RDWR)
        requests.append(links[1].welcome())
        links[1].output(7, b"o\r\n")
        links[1].ended(3)

    thread = beside(story)
    with waiting(links[0].connection, interrupts(tie=False), again) as waiter:
        result, _ = waiter.result(FollowedOutput(lines=False), wanted=False)
    thread.join(10)
    assert result["exit_code"] == 3
    assert b"".join(written) == b"one\ntwo\n"
    assert asked == [7]
    assert [request.get("from") for request in requests] == [None, 7]


def test_a_job_that_ended_meanwhile_gives_what_was_missed_of_its_output(
    links: list[Daemon], written: list[bytes]
) -> None:
    def again(_stream: Stream) -> wire.Connection:
        raise Ended("job has ended", job_result(exit_code=255, position=11), b"one\r\ntwo\r\n!")

    def story() -> None:
        links[0].welcome()
        links[0].output(0, b"one\r\n")
        links[0].end.shutdown(socket.SHUT_RDWR)

    beside(story)
    with waiting(links[0].connection, interrupts(tie=False), again) as waiter:
        result, _ = waiter.result(FollowedOutput(lines=False), wanted=False)
    assert (result["exit_code"], b"".join(written)) == (255, b"one\ntwo\n!")


def test_a_link_that_breaks_before_the_daemon_has_answered_is_mended_too(links: list[Daemon]) -> None:
    """It used to be taken for the daemon's death: the id had not come yet."""

    def again(_stream: Stream) -> wire.Connection:
        return links[1].connection

    links[0].end.shutdown(socket.SHUT_RDWR)

    def story() -> None:
        links[1].welcome()
        links[1].ended(0)

    beside(story)
    with waiting(links[0].connection, interrupts(tie=False), again) as waiter:
        assert waiter.result(None, wanted=False)[0]["exit_code"] == 0


def test_silence_is_a_lost_link_also_before_the_daemon_has_answered(
    links: list[Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_state, "QUIET", 0.05)
    monkeypatch.setattr(link_state, "SILENT", 0.05)
    monkeypatch.setattr(link_state, "LOST_AFTER", 0.2)
    taken = iter(links[1:])

    def again(_stream: Stream) -> wire.Connection:
        return next(taken).connection

    pings: list[int] = []

    def story() -> None:
        links[1].welcome()
        pings.append(links[1].next()[0])
        links[2].welcome()
        links[2].ended(4)

    beside(story)
    began = time.monotonic()
    with waiting(links[0].connection, interrupts(tie=False), again) as waiter:
        assert waiter.result(None, wanted=False)[0]["exit_code"] == 4
    assert time.monotonic() - began < 5
    assert pings == [protocol.PING]


def test_a_link_given_up_for_its_silence_is_lost_even_if_its_command_then_ends_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its job had ended just then, which was taken for the daemon's death."""
    monkeypatch.setattr(link_state, "QUIET", 0.05)
    monkeypatch.setattr(link_state, "SILENT", 0.05)
    monkeypatch.setattr(link_state, "LOST_AFTER", 0.1)
    silent, speaking = Daemon(), Daemon(id="id")
    descriptor = os.dup(silent.connection.inbound)

    def again(_stream: Stream) -> wire.Connection:
        return speaking.connection

    def story() -> None:
        speaking.welcome()
        speaking.ended(6)

    beside(story)
    with waiting(link(descriptor, descriptor, "true"), interrupts(tie=False), again) as waiter:
        assert waiter.result(None, wanted=False)[0]["exit_code"] == 6
    for each in (silent, speaking):
        each.close()


def test_a_daemon_of_a_host_that_dies_is_no_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bridge ends well."""
    daemon = Daemon()
    descriptor = os.dup(daemon.connection.inbound)
    daemon.end.shutdown(socket.SHUT_RDWR)
    with (
        waiting(
            link(descriptor, descriptor, "true"), interrupts(tie=False), stuck(threading.Event(), threading.Event())
        ) as waiter,
        pytest.raises(InternalError, match="the daemon of job on @box died"),
    ):
        waiter.result(None, wanted=False)
    daemon.close()


def test_a_job_that_ends_just_before_it_is_asked_over_another_link_gives_its_code(written: list[bytes]) -> None:
    """It was taken for the daemon's death."""
    daemon = Daemon()
    descriptor = os.dup(daemon.connection.inbound)
    daemon.end.shutdown(socket.SHUT_RDWR)
    ended = Ended("job", job_result(exit_code=3, position=5), b"one\r\n")
    over = link(descriptor, descriptor, "true")
    with waiting(over, interrupts(tie=False), stuck(threading.Event(), threading.Event()), ended) as waiter:
        assert waiter.result(FollowedOutput(lines=False), wanted=False)[0]["exit_code"] == 3
    assert b"".join(written) == b"one\n"
    daemon.close()


def test_a_daemon_of_this_machine_that_dies_is_no_lost_link(links: list[Daemon]) -> None:
    links[0].end.shutdown(socket.SHUT_RDWR)
    with (
        waiting(links[0].connection, interrupts(tie=False)) as waiter,
        pytest.raises(InternalError, match="died"),
    ):
        waiter.result(None, wanted=False)


def stuck(tie_until: threading.Event, tried: threading.Event) -> Callable[[Stream], wire.Connection]:
    """A link that does not come back before the one event; the other tells that it is tried for."""

    def again(_stream: Stream) -> wire.Connection:
        tried.set()
        while not tie_until.wait(0.01):
            continue
        raise Unreachable("never")

    return again


def test_ctrl_c_ends_the_waiting_for_a_link(links: list[Daemon]) -> None:
    links[0].end.shutdown(socket.SHUT_RDWR)
    over, tried = threading.Event(), threading.Event()

    def pressed() -> None:
        assert tried.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    beside(pressed)
    with (
        waiting(links[0].connection, interrupts(tie=False), stuck(over, tried)) as waiter,
        pytest.raises(Interrupted, match=r"sesh job; .*sesh --kill job"),
    ):
        waiter.result(None, wanted=False)
    over.set()


def test_a_tied_job_is_ended_as_soon_as_the_link_stands_again(links: list[Daemon]) -> None:
    pressed = interrupts(tie=True)
    links[0].end.shutdown(socket.SHUT_RDWR)
    requests: list[dict[str, Any]] = []

    def again(_stream: Stream) -> wire.Connection:
        os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([pressed.inbound], [], [], 10)[0]
        return links[1].connection

    def story() -> None:
        requests.append(links[1].welcome())
        requests.append(links[1].next()[1])
        links[1].ended(129)

    thread = beside(story)
    with waiting(links[0].connection, pressed, again) as waiter:
        assert waiter.result(None, wanted=False)[0]["exit_code"] == 129
    thread.join(10)
    assert [request["verb"] for request in requests] == ["wait", "kill"]


def pressed_in_a_cut(links: list[Daemon], *, tie: bool, answered: bool) -> list[list[dict[str, Any]]]:
    """What is asked over each of three links: a Ctrl-C over the first, which breaks; the second breaks too."""
    asked: list[list[dict[str, Any]]] = [[], [], []]
    rest = iter(links[1:])

    def story() -> None:
        links[0].welcome()
        os.kill(os.getpid(), signal.SIGINT)
        asked[0].append(links[0].next()[1])
        links[0].end.shutdown(socket.SHUT_RDWR)
        links[1].welcome()
        asked[1].append(links[1].next()[1])
        if answered:
            links[1].say(protocol.RESPONSE, id=asked[1][0]["id"], ok=True)
        links[1].end.shutdown(socket.SHUT_RDWR)
        links[2].welcome()
        links[2].say(protocol.PING)
        while (frame := links[2].next())[0] == protocol.REQUEST:
            asked[2].append(frame[1])
        links[2].ended(130)

    thread = beside(story)
    with waiting(links[0].connection, interrupts(tie=tie), lambda _: next(rest).connection) as waiter:
        assert waiter.result(None, wanted=False)[0]["exit_code"] == 130
    thread.join(10)
    return asked


def test_a_ctrl_c_that_a_lost_link_has_swallowed_is_sent_over_the_next_ones_until_it_is_answered(
    links: list[Daemon],
) -> None:
    """The job went on: nobody had heard of it, and the person saw `^C`."""
    first, second, third = pressed_in_a_cut(links, tie=False, answered=False)
    assert [each["verb"] for each in first] == ["interrupt"]
    assert first[0]["key"]
    assert first == second == third


def test_a_ctrl_c_that_was_answered_is_not_sent_again(links: list[Daemon]) -> None:
    assert pressed_in_a_cut(links, tie=False, answered=True)[2] == []


def test_the_end_of_a_tied_job_that_a_lost_link_has_swallowed_is_asked_for_again(links: list[Daemon]) -> None:
    first, second, _ = pressed_in_a_cut(links, tie=True, answered=False)
    assert [each["verb"] for each in first + second] == ["kill", "kill"]
