"""A stream over several connections: bytes that come twice, and what ends a wait."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.errors import ConnectionLost, Interrupted, Refused, TimedOut, Unreachable
from sesh.link.keeper import LinkKeeper
from sesh.link.opening import Race
from sesh.reach.caller import Caller
from sesh.reach.exchange import Exchange, Repeat
from sesh.reach.stream import Arrival, ReceivedOutput, Stream
from sesh.reach.target import Target
from sesh.remote.ssh.destination import Destination
from sesh.schema.outcomes import Ended
from sesh.system.workers import Stop
from sesh.wire import protocol
from sesh.wire.connection import Connection, Peer, adopt
from sesh.wire.messages import PRESS, SEND
from tests.support.data import job_result

Ends = tuple[Connection, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A connection, and the socket at its other end, where the test plays the daemon."""
    near, far = socket.socketpair()
    with adopt(near) as connection, far:
        yield connection, far


def nothing() -> None:
    """Ask for nothing, because the test's daemon sends without a request."""


def refuse() -> None:
    raise Refused("the other is ready")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=20))
def test_each_byte_of_overlapping_pieces_comes_once_and_gaps_are_counted(pieces: list[tuple[int, int]]) -> None:
    whole, reached, seen, skipped = bytes(range(64)), None, [], 0
    output = ReceivedOutput()
    for start, size in sorted(pieces):
        new = output.count(start, whole[start : start + size])
        assert new.payload == whole[new.number : new.number + len(new.payload)]
        skipped += max(0, start - reached) if reached is not None else 0
        reached = max(reached or 0, start + size)
        seen += [*range(new.number, new.number + len(new.payload))]
    assert seen == sorted(set(seen))
    assert output.missed == skipped
    assert output.position == reached


def test_what_a_session_kept_that_ended_meanwhile_comes_without_what_came_before() -> None:
    output = ReceivedOutput(position=6)
    ended = Ended("work", job_result(position=10), b"cdefghij")
    assert output.count_stored(ended) == Arrival(protocol.OUTPUT, 6, b"ghij")
    assert output.count_stored(ended) == Arrival(protocol.OUTPUT, 10, b"")
    assert output.count_stored(Ended("work", job_result(), b"")).payload == b""


def test_half_a_frame_keeps_nobody_from_the_end_of_the_time_or_from_others(ends: Ends) -> None:
    """The stream waited for the whole frame, and ignored its deadline and other descriptors meanwhile."""
    ends[1].sendall(protocol.numbered(protocol.OUTPUT, 0, b"x" * 100)[:50])
    inbound, outbound = os.pipe()
    os.write(outbound, b".")
    with Stream(Target(Caller()), ends[0], "work", greet=nothing) as stream:
        with pytest.raises(TimedOut):
            next(stream.arrivals(until=time.monotonic() + 0.05))
        with pytest.raises(Refused, match="the other is ready"):
            next(stream.arrivals(others=lambda: [(inbound, select.POLLIN, refuse)]))
    for descriptor in (inbound, outbound):
        os.close(descriptor)


def test_a_session_is_requested_by_its_id_also_after_a_link_that_broke_before_the_answer() -> None:
    first, *links = [Mock(spec=Connection, peer=Peer(), welcome={}) for _ in range(3)]
    first.peer = Peer("work", "c0ffee")
    keeper = Mock(refusal=None, **{"run.side_effect": links})
    target = Target(Caller())
    target.host = "box"
    stream = Stream(target, first, "work", keeper)
    for link in links:
        stream.reconnect()
        link.connect_request.assert_called_with("work", "c0ffee")


def test_the_end_of_a_session_is_told_as_no_lost_link() -> None:
    """An end between WELCOME and the request gave `lost the link` and `reconnected`."""
    link = Mock(spec=Connection, peer=Peer("work"), welcome={"id": "c0ffee"})
    link.take_frames.side_effect = Unreachable("the session's daemon closed the connection")
    target = Mock(host="box", **{"find_end.return_value": Ended("work", job_result(), b"")})
    stream = Stream(target, link, "work", Mock(), greet=nothing)
    with pytest.raises(Ended):
        next(stream.arrivals())
    target.caller.note.assert_not_called()


@pytest.mark.parametrize("repeat", Repeat)
def test_a_request_that_may_not_be_repeated_is_not_sent_over_another_link(repeat: Repeat) -> None:
    first, second = [
        Mock(spec=Connection, peer=Peer("work", "c0ffee"), welcome={}, inbound=5, reloaded=False) for _ in range(2)
    ]
    for link in first, second:
        link.begin_by.return_value = None
        link.next_number.return_value = 1
        link.handshake.return_value = {"id": "c0ffee", "keys": True}
    first.take_frames.side_effect = ConnectionLost("lost")
    ((_, answer),) = protocol.Decoder().feed(protocol.message(protocol.RESPONSE, {"id": 1, "result": {}}))
    second.take_frames.return_value = [(protocol.RESPONSE, answer)]
    second.decode_response.return_value = {}
    target = Target(Caller())
    target.host = "box"
    stream = Stream(target, first, "work", Mock(refusal=None, due=1e18, **{"run.side_effect": [second]}))
    pressed = Exchange(PRESS, {}, b"x", repeat)
    if repeat is Repeat.ONCE:
        with pytest.raises(Unreachable, match="it may be done or not") as raised:
            stream.ask(pressed)
        assert raised.value.exit_code == 255
        second.handshake.assert_not_called()
    else:
        assert stream.ask(pressed) == ({}, b"")


def test_a_refusal_of_the_next_link_says_nothing_of_what_was_typed_before() -> None:
    """`send` failed with the refusal alone, as if nothing had been typed."""
    first = Mock(spec=Connection, peer=Peer("work", "c0ffee"), welcome={}, inbound=5, reloaded=False)
    first.handshake.return_value = {"id": "c0ffee", "keys": True}
    first.begin_by.return_value = None
    first.next_number.return_value = 1
    first.take_frames.side_effect = ConnectionLost("lost")
    second = Mock(spec=Connection, peer=Peer("work", "c0ffee"), welcome={}, inbound=6, reloaded=False)
    second.begin_by.return_value = None
    second.next_number.return_value = 1
    second.handshake.side_effect = Refused("the directory has mode 0777", in_response=True)
    target = Target(Caller())
    target.host = "box"
    stream = Stream(target, first, "work", Mock(refusal=None, due=1e18, **{"run.side_effect": [second]}))
    with pytest.raises(Unreachable, match="it may be done or not") as raised:
        stream.ask(Exchange(SEND, {}, b"x", Repeat.WITH_KEY))
    assert raised.value.exit_code == 255


@pytest.fixture
def stop() -> Stop:
    return Stop()


@pytest.fixture
def lost(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stream]:
    """A stream whose link is lost, and to whose host no other one opens."""
    monkeypatch.setattr(Race, "reopen", Mock(side_effect=Unreachable("no route")))
    target = Target(Caller(stop))
    target.host = "box"
    keeper = LinkKeeper(Destination("box", settings={}))
    with Stream(target, Connection(-1, -1), "work", keeper, greet=lose) as stream:
        yield stream


def lose() -> None:
    raise ConnectionLost("lost")


def test_what_is_polled_beside_a_link_is_polled_while_it_is_lost(lost: Stream) -> None:
    """A key pressed then was seen up to a quarter of a second later."""
    inbound, outbound = os.pipe()
    writer = threading.Timer(0.05, os.write, (outbound, b"."))

    writer.start()
    with pytest.raises(Refused, match="the other is ready"):
        next(lost.arrivals(others=lambda: [(inbound, select.POLLIN, refuse)]))
    assert lost.lost
    for descriptor in (inbound, outbound):
        os.close(descriptor)


def test_another_thread_ends_a_stream_that_waits_for_a_link(stop: Stop, lost: Stream) -> None:
    stopping = threading.Timer(0.05, stop.stop)
    stopping.start()
    with pytest.raises(Interrupted):
        lost.reconnect()
    stopping.join()


def test_a_stream_waits_for_a_link_until_its_deadline(lost: Stream) -> None:
    lost.deadline = time.monotonic() + 0.05
    with pytest.raises(TimedOut, match="still unreachable"):
        lost.reconnect()
