"""A conversation over several connections: what comes twice, what ends it, and who is come back to."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import link_state, protocol, wire
from sesh.errors import DaemonDied, Ended, Interrupted, NotFound, Unreachable
from sesh.ops import events
from sesh.ops.views import LiveLog
from sesh.reach import links
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget
from sesh.reach.stream import LATE, READY, Stream
from sesh.reach.target import Target
from sesh.recovery.attempts import Attempt, LostSession
from sesh.remote.ssh import link as ssh_link
from sesh.remote.ssh.destination import Destination
from sesh.stop import Stop
from sesh.store import results
from tests.support import wait_until
from tests.support.data import job_result
from tests.unit.ops.job_daemon import Daemon, link, of_a_host


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    with of_a_host() as played:
        yield played


@pytest.fixture
def here() -> Iterator[Daemon]:
    daemon = Daemon()
    yield daemon
    daemon.close()


def nothing() -> None:
    """Asks for nothing: the daemon that is played speaks unasked."""


def one_after_the_other(daemons: list[Daemon]) -> Stream:
    rest = iter(daemons[1:])
    return Stream(daemons[0].connection, "work", host="box", again=lambda _: next(rest).connection)


def half(daemon: Daemon) -> None:
    """A frame begins, and nothing more comes of it."""
    daemon.end.sendall(protocol.numbered(protocol.OUTPUT, 0, b"x" * 100)[:50])


def test_it_asks_again_over_each_link_and_no_output_comes_twice(daemons: list[Daemon]) -> None:
    for daemon, position, data in zip(daemons, (0, 2, 4), (b"abcd", b"cdef", b"efgh"), strict=True):
        daemon.output(position, data)
        daemon.end.shutdown(socket.SHUT_WR)
    asked: list[int | None] = []
    found = b""
    with one_after_the_other(daemons) as stream:
        for kind, position, data in stream.frames(lambda: asked.append(stream.position)):
            assert (kind, position) == (protocol.OUTPUT, len(found))
            found += data
            if len(found) == 8:
                break
    assert (found, asked, stream.skipped) == (b"abcdefgh", [None, 4, 6], 0)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=20))
def test_each_byte_of_overlapping_pieces_comes_once_and_gaps_are_counted(pieces: list[tuple[int, int]]) -> None:
    whole, reached, seen, skipped = bytes(range(64)), None, [], 0
    inbound, outbound = os.pipe()
    with Stream(wire.Connection(inbound, outbound), "work") as stream:
        for start, size in sorted(pieces):
            position, data = stream._fresh(start, whole[start : start + size])
            assert data == whole[position : position + len(data)]
            skipped += max(0, start - reached) if reached is not None else 0
            reached = max(reached or 0, start + size)
            seen += [*range(position, position + len(data))]
        assert seen == sorted(set(seen))
        assert stream.skipped == skipped
        assert stream.position == reached


def test_what_a_session_kept_that_ended_meanwhile_comes_without_what_came_before(here: Daemon) -> None:
    with Stream(here.connection, "work") as stream:
        stream.position = 6
        ended = Ended("work has ended", job_result(position=10), b"cdefghij")
        assert stream.rest(ended) == (6, b"ghij")
        assert stream.rest(ended) == (10, b"")
        assert stream.rest(Ended("it is not known how")) == (0, b"")


def test_events_pass_over_output_that_nobody_asked_for(here: Daemon) -> None:
    """It was taken for a message, and was a fault of sesh's own."""
    here.say(protocol.WELCOME, protocol=protocol.PROTOCOL, version="0", id="id")
    here.output(0, b"unasked")
    here.say(protocol.DATA, seq=1, ts="", event="attached", session="work")
    here.say(protocol.RESPONSE, id=1)
    with Stream(here.connection, "work") as stream:
        assert [event["event"] for event in events.follow(stream)] == ["attached"]


def test_a_daemon_of_this_machine_that_goes_has_died(here: Daemon) -> None:
    here.end.shutdown(socket.SHUT_RDWR)
    with Stream(here.connection, "work") as stream, pytest.raises(DaemonDied, match="the daemon of work died"):
        next(stream.frames(nothing))


def gone(session_id: str = "") -> wire.Connection:
    """A connection to a daemon that has gone; `session_id`: what is known of the session's id."""
    ours, theirs = socket.socketpair()
    theirs.close()
    descriptor = ours.detach()
    connection = wire.Connection(descriptor, descriptor)
    connection.session_id = session_id
    return connection


@pytest.mark.parametrize("session_id", ["", "abc"])
def test_how_a_session_ended_whose_daemon_goes_is_found_in_what_is_kept(
    sessions: Path, monkeypatch: pytest.MonkeyPatch, session_id: str
) -> None:
    """By its id, and by its name before that is known. Who followed it was told that its daemon had died."""
    results.keep(job_result(id="abc", name="work", exit_code=3, ended=time.time(), position=4, job=True), b"out\n")
    monkeypatch.setattr(Target, "connect", lambda *_: gone(session_id))
    with Target(Caller()).open_stream("work") as stream, pytest.raises(Ended) as ended:
        next(stream.frames(nothing))
    assert (ended.value.result["exit_code"], stream.rest(ended.value)) == (3, (0, b"out\n"))


def test_of_a_job_that_ends_before_its_lines_come_the_kept_output_is_shown(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.keep(job_result(id="abc", name="work", ended=time.time(), position=9, job=True), b"one\r\ntwo")
    monkeypatch.setattr(Target, "connect", lambda *_: gone())
    shown: list[str] = []
    with Target(Caller()).open_stream("work") as stream:
        LiveLog(stream, 10, ansi=False, write=shown.extend, skipped=lambda _: None, shortened=lambda _: None).follow()
    assert shown == ["one", "two"]


def test_who_was_stopped_is_not_told_how_an_earlier_session_of_that_name_ended(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.keep(job_result(id="abc", name="work", ended=time.time(), job=True), b"")
    monkeypatch.setattr(Target, "connect", lambda *_: gone())
    with Target(Caller()).open_stream("work") as stream:
        stream.cut()
        with pytest.raises(DaemonDied):
            next(stream.frames(nothing))


@pytest.mark.parametrize("known", [False, True])
def test_a_host_is_asked_once_more_by_id_how_a_session_ended(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    asked: list[dict[str, object]] = []

    class Again(nullcontext[None]):
        def open_session(self, verb: str, _timeout: float, **words: object) -> tuple[dict[str, object], bytes]:
            asked.append({"verb": verb, **words})
            if not known:
                raise NotFound("work has ended; its result is unknown")
            return {"result": job_result(exit_code=3)}, b"out"

        def __enter__(self) -> Any:
            return self

    daemon = Daemon()
    descriptor = os.dup(daemon.connection.inbound)
    daemon.end.shutdown(socket.SHUT_RDWR)
    first = link(descriptor, descriptor, "true")
    first.session_id = "abc"
    monkeypatch.setattr(HostTarget, "open", lambda *_: Again())
    with (
        HostTarget(Caller(), "box")._stream(first, "work", None, time.sleep) as stream,
        pytest.raises(Ended if known else DaemonDied),
    ):
        next(stream.frames(nothing))
    assert asked == [{"verb": "connect", "name": "work", "session_id": "abc"}]
    daemon.close()


def test_half_a_frame_keeps_nobody_from_the_end_of_the_time_or_from_others(here: Daemon) -> None:
    """It was waited for to its end, and meanwhile no signal counted."""
    half(here)
    inbound, outbound = os.pipe()
    os.write(outbound, b".")
    with Stream(here.connection, "work") as stream:
        assert next(stream.frames(nothing, until=time.monotonic() + 0.05))[0] == LATE
        others = [(inbound, select.POLLIN)]
        assert next(stream.frames(nothing, others=lambda: (others, True))) == (READY, inbound, b"")
    for descriptor in (inbound, outbound):
        os.close(descriptor)


def test_a_closed_reader_ends_it_also_within_a_frame(here: Daemon) -> None:
    half(here)
    inbound, outbound = os.pipe()
    with Stream(here.connection, "work") as stream:
        stream.audience = outbound
        threading.Timer(0.05, os.close, (inbound,)).start()
        with pytest.raises(BrokenPipeError):
            next(stream.frames(nothing))
    os.close(outbound)


def test_a_link_is_lost_that_is_silent_while_another_descriptor_speaks(
    daemons: list[Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_state, "QUIET", 0.02)
    monkeypatch.setattr(link_state, "SILENT", 0.02)
    monkeypatch.setattr(link_state, "LOST_AFTER", 0.05)
    inbound, outbound = os.pipe()
    os.write(outbound, b".")
    daemons[1].output(0, b"there")
    with one_after_the_other(daemons) as stream:
        frames = stream.frames(nothing, others=lambda: ([(inbound, select.POLLIN)], True))
        assert next(each for each in frames if each[0] != READY) == (protocol.OUTPUT, 0, b"there")
    for descriptor in (inbound, outbound):
        os.close(descriptor)


def test_a_link_over_which_nothing_happens_stands_as_long_as_each_question_is_answered_at_once(
    daemons: list[Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer within 50 ms was none, nothing was asked any more, and each quiet link was lost after 12 s."""
    for name in ("QUIET", "SILENT"):
        monkeypatch.setattr(link_state, name, 0.02)

    def answer() -> None:
        for _ in range(5):
            assert daemons[0].end.recv(100)
            daemons[0].end.sendall(protocol.frame(protocol.PONG))
        daemons[0].output(0, b"there")

    threading.Thread(target=answer, daemon=True).start()
    with Stream(daemons[0].connection, "work", host="box") as stream:
        assert next(stream.frames(nothing)) == (protocol.OUTPUT, 0, b"there")


def test_who_is_stopped_while_a_link_is_opened_again_does_not_go_on_over_it(
    daemons: list[Daemon], here: Daemon
) -> None:
    """The link that came then was waited on without end."""
    daemons[0].end.shutdown(socket.SHUT_RDWR)
    stop, under_way = Stop(), threading.Event()

    def again(_stream: Stream) -> wire.Connection:
        under_way.set()
        wait_until(lambda: stop.stopped)
        return here.connection

    def stopped() -> None:
        assert under_way.wait(10)
        stop.stop()

    threading.Thread(target=stopped, daemon=True).start()
    stream = Stream(daemons[0].connection, "work", host="box", again=again, sleep=stop.sleep)
    with pytest.raises(Interrupted), stream, stop.calling(stream.cut):
        next(stream.frames(nothing))


@pytest.mark.parametrize("welcomed", [False, True])
def test_a_session_is_come_back_to_by_its_id_also_before_its_daemon_has_answered(
    monkeypatch: pytest.MonkeyPatch, welcomed: bool
) -> None:
    """A job whose link broke before WELCOME was taken for one whose daemon had died."""
    daemons = [Daemon(far=True, id="told"), Daemon(far=True)]
    lost, other = (each.connection for each in daemons)
    lost.session_id, other.session_name = "early", "renamed"
    asked: list[LostSession] = []

    def back(_destination: Destination, session: LostSession, _attempt: Attempt, **_: object) -> wire.Connection:
        asked.append(session)
        if len(asked) < 3:
            raise Unreachable("not yet")
        return other

    notes: list[str] = []
    caller = Caller()
    monkeypatch.setattr(caller, "note", notes.append)
    monkeypatch.setattr(links, "back", back)
    monkeypatch.setattr(link_state, "PACE", 0.01)
    monkeypatch.setattr(HostTarget, "connect", lambda *_: lost)
    if welcomed:
        lost.send(wire.greeting("request"))
        daemons[0].say(protocol.WELCOME, protocol=protocol.PROTOCOL, version="0", id="told")
        lost.expect_welcome()
    pauses: list[float] = []
    with HostTarget(caller, "box").open_stream("work", sleep=pauses.append) as stream:
        stream.position = 7
        stream.reconnect()
        assert (stream.connection, stream.name) == (other, "renamed")
        assert other.session_id == ("told" if welcomed else "early"), "it may be lost again before its WELCOME"
    told = {(session.name, session.host, session.session_id, session.position) for session in asked}
    assert told == {("work", "box", "told" if welcomed else "early", 7)}
    assert (len(asked), lost.inbound) == (3, -1)
    assert notes == [
        "lost the link to @box; work keeps running, reconnecting",
        "reconnected to @box; work is now called renamed",
    ]
    for each in daemons:
        each.close()


def test_the_output_of_a_job_that_ended_meanwhile_may_take_longer_than_any_limit(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a slow link each attempt ended before it had come, and the next one began anew, without end."""
    monkeypatch.setattr(ssh_link, "START_TIMEOUT", 0.2)
    monkeypatch.setattr(ssh_link, "SESSION_TIMEOUT", 0.2)
    daemon = Daemon(far=True)
    monkeypatch.setattr(links, "_opened_alone", lambda *_: daemon.connection)

    def story() -> None:
        assert daemon.next()[1]["verb"] == "connect"
        for _ in range(8):
            threading.Event().wait(0.05)
            daemon.end.sendall(protocol.frame(protocol.DATA, b"x" * 10))
        daemon.say(protocol.RESPONSE, id=1, ok=True, name="work", result=job_result(exit_code=3))

    threading.Thread(target=story, daemon=True).start()
    with pytest.raises(Ended) as ended:
        links.back(Destination("box"), LostSession("work", "box", "abc", 0, time.monotonic()), Attempt(lost=True))
    assert (ended.value.result["exit_code"], len(ended.value.output)) == (3, 80)
    daemon.close()


def test_a_bridge_that_ends_well_took_its_daemon_with_it() -> None:
    daemon = Daemon()
    descriptor = os.dup(daemon.connection.inbound)
    daemon.end.shutdown(socket.SHUT_RDWR)
    never: Callable[[Stream], wire.Connection] = lambda _: pytest.fail("nothing to come back to")  # noqa: E731
    stream = Stream(link(descriptor, descriptor, "true"), "work", host="box", again=never)
    with stream, pytest.raises(DaemonDied):
        next(stream.frames(nothing))
    daemon.close()
