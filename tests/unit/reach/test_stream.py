"""A conversation over several connections: what comes twice, and what ends the waiting."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import protocol, wire
from sesh.errors import Ended, Unreachable
from sesh.link import health
from sesh.link.race import Attempt
from sesh.link.reopen import Reopen
from sesh.reach.stream import LATE, READY, Stream
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link
from tests.support.data import job_result

Ends = tuple[wire.Connection, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A connection, and the socket of the daemon that it leads to."""
    near, far = socket.socketpair()
    with wire.adopt(near) as connection, far:
        yield connection, far


def nothing() -> None:
    """Asks for nothing: the daemon that is played speaks unasked."""


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


def test_what_a_session_kept_that_ended_meanwhile_comes_without_what_came_before(ends: Ends) -> None:
    with Stream(ends[0], "work") as stream:
        stream.position = 6
        ended = Ended("work has ended", job_result(position=10), b"cdefghij")
        assert stream.rest(ended) == (6, b"ghij")
        assert stream.rest(ended) == (10, b"")
        assert stream.rest(Ended("it is not known how")) == (0, b"")


def test_half_a_frame_keeps_nobody_from_the_end_of_the_time_or_from_others(ends: Ends) -> None:
    """It was waited for to its end, and meanwhile no signal counted."""
    ends[1].sendall(protocol.numbered(protocol.OUTPUT, 0, b"x" * 100)[:50])
    inbound, outbound = os.pipe()
    os.write(outbound, b".")
    with Stream(ends[0], "work") as stream:
        assert next(stream.frames(nothing, until=time.monotonic() + 0.05))[0] == LATE
        others = [(inbound, select.POLLIN)]
        assert next(stream.frames(nothing, others=lambda: (others, True))) == (READY, inbound, b"")
    for descriptor in (inbound, outbound):
        os.close(descriptor)


def test_a_link_over_which_nothing_happens_stands_as_long_as_each_question_is_answered_at_once(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer within 50 ms was none, nothing was asked any more, and each quiet link was lost after 12 s."""
    for name in ("QUIET", "SILENT"):
        monkeypatch.setattr(health, name, 0.02)

    def answer() -> None:
        for _ in range(5):
            assert ends[1].recv(100)
            ends[1].sendall(protocol.frame(protocol.PONG))
        ends[1].sendall(protocol.numbered(protocol.OUTPUT, 0, b"there"))

    threading.Thread(target=answer, daemon=True).start()
    descriptor = os.dup(ends[0].inbound)
    with open(os.devnull, "rb") as said:
        link = Link(Destination("box"), subprocess.Popen(["true"]), said, descriptor, descriptor)

    def unreachable(_: Attempt) -> wire.Connection:
        raise Unreachable("no")

    with Stream(link, "work", host="box", reopening=lambda stream: Reopen(unreachable, stream.ping)) as stream:
        assert next(stream.frames(nothing)) == (protocol.OUTPUT, 0, b"there")
