"""A connection: frames in and out of a socket that takes what it likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import protocol
from sesh.daemon.clients.connection import Reader
from sesh.daemon.pty.output_log import OutputLog
from tests.unit.daemon.connections import Link


@pytest.fixture
def link() -> Iterator[Link]:
    opened = Link(buffer=16 << 10)
    yield opened
    opened.close()


@given(st.lists(st.binary(max_size=3000), max_size=12), st.lists(st.integers(1, 4000), min_size=1, max_size=20))
def test_output_arrives_whole_and_in_order_however_slowly_it_is_read(blocks: list[bytes], reads: list[int]) -> None:
    link = Link(buffer=4 << 10)
    log = OutputLog(77)
    link.connection.reader = Reader(link.connection, 77)
    got: list[tuple[int, bytes]] = []
    try:
        for number, block in enumerate(blocks):
            log.append(block)
            link.connection.feed(log)
            for kind, payload in link.take(reads[number % len(reads)]):
                assert kind == protocol.OUTPUT
                got.append(protocol.split_number(payload))
        while link.connection.unsent or link.connection.reader.position < log.head:
            link.connection.feed(log)
            got += link.output()
        got += link.output()
        assert b"".join(data for _, data in got) == b"".join(blocks)
        position = 77
        for at, data in got:
            assert at == position
            position += len(data)
    finally:
        link.close()


def test_a_blocked_connection_says_so_and_keeps_its_bytes(link: Link) -> None:
    link.connection.queue(bytes(1 << 20))
    assert not link.connection.flush()
    assert [link.connection.blocked] == [True]
    assert 0 < link.connection.unsent < 1 << 20
    while not link.connection.flush():
        link.other.recv(1 << 16)
    assert not link.connection.blocked
    assert link.connection.unsent == 0


def test_a_connection_that_is_gone_keeps_its_descriptor_until_it_is_dropped(link: Link) -> None:
    """Closed at once, its number went to the next connection, which the loop then took for one it knew already."""
    link.other.close()
    link.connection.queue(b"lost")
    assert link.connection.flush()
    assert link.connection.closed
    assert not link.connection.listening
    assert link.socket.fileno() == link.connection.descriptor
    link.connection.queue(b"more")
    assert link.connection.unsent == 0
    link.connection.drop()
    link.connection.drop()
    assert link.socket.fileno() == -1


def test_an_acknowledgement_travels_before_the_next_output(link: Link) -> None:
    log = OutputLog()
    link.connection.reader = Reader(link.connection, 0)
    link.connection.due_ack = 4
    link.connection.due_ack = 5
    link.connection.feed(log)
    assert link.take() == []
    log.append(b"x")
    link.connection.feed(log)
    assert link.take() == [(protocol.ACK, bytes(7) + b"\5"), (protocol.OUTPUT, bytes(8) + b"x")]
    link.connection.send_ack()
    assert link.take() == []


def test_a_reader_that_missed_bytes_knows_how_many(link: Link) -> None:
    log = OutputLog(100)
    log.append(b"rest")
    link.connection.reader = Reader(link.connection, 40)
    link.connection.feed(log)
    assert link.output() == [(100, b"rest")]
    assert link.connection.reader.skipped == 60
    assert not link.connection.reader.late(log)


def test_an_answer_brings_its_bytes_in_pieces_that_a_frame_can_hold(link: Link) -> None:
    data = bytes(range(256)) * 3000
    link.connection.unanswered = 1
    link.connection.respond(3, data, lines=7)
    frames: list[tuple[int, bytes]] = []
    while link.connection.unsent:
        link.connection.flush()
        frames += link.take()
    frames += link.take()
    assert b"".join(payload for kind, payload in frames if kind == protocol.DATA) == data
    assert all(len(payload) <= protocol.CHUNK for _, payload in frames)
    assert protocol.parse(frames[-1][1]) == {"id": 3, "ok": True, "lines": 7}
    assert link.connection.idle
