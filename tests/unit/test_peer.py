"""A peer: frames in and out of a socket that takes what it likes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import protocol
from sesh.daemon.clients.connection import Reader
from sesh.daemon.pty.output_log import Stream
from sesh.errors import ProtocolError
from tests.unit.peers import Link


@pytest.fixture
def link() -> Iterator[Link]:
    opened = Link(buffer=16 << 10)
    yield opened
    opened.close()


@given(st.lists(st.binary(max_size=3000), max_size=12), st.lists(st.integers(1, 4000), min_size=1, max_size=20))
def test_output_arrives_whole_and_in_order_however_slowly_it_is_read(blocks: list[bytes], reads: list[int]) -> None:
    link = Link(buffer=4 << 10)
    stream = Stream(77)
    link.peer.reader = Reader(link.peer, 77)
    got: list[tuple[int, bytes]] = []
    try:
        for number, block in enumerate(blocks):
            stream.append(block)
            (link.peer.pass_on(stream, block) if number % 3 else link.peer.feed(stream))
            for kind, payload in link.take(reads[number % len(reads)]):
                assert kind == protocol.OUTPUT
                got.append(protocol.split_number(payload))
        while link.peer.unsent or link.peer.reader.position < stream.head:
            link.peer.feed(stream)
            got += link.output()
        got += link.output()
        assert b"".join(data for _, data in got) == b"".join(blocks)
        position = 77
        for at, data in got:
            assert at == position
            position += len(data)
    finally:
        link.close()


def test_one_byte_at_a_time_makes_the_same_frames(link: Link) -> None:
    wire = protocol.frame(protocol.PING, b"abc") + protocol.frame(protocol.DATA) + protocol.frame(0x7F, b"new")
    for byte in wire:
        link.other.send(bytes([byte]))
        assert link.peer.receive()
    assert link.peer.receive()
    assert list(link.peer.backlog) == [(protocol.PING, b"abc"), (protocol.DATA, b""), (0x7F, b"new")]


def test_a_frame_of_four_gibibytes_is_refused_at_its_header(link: Link) -> None:
    link.other.send(b"\x01\xff\xff\xff\xff")
    with pytest.raises(ProtocolError):
        link.peer.receive()


def test_a_closed_connection_is_seen(link: Link) -> None:
    link.other.close()
    assert not link.peer.receive()


def test_a_blocked_peer_says_so_and_keeps_its_bytes(link: Link) -> None:
    link.peer.queue(bytes(1 << 20))
    assert not link.peer.flush()
    assert [link.peer.blocked] == [True]
    assert 0 < link.peer.unsent < 1 << 20
    while not link.peer.flush():
        link.other.recv(1 << 16)
    assert not link.peer.blocked
    assert link.peer.unsent == 0


def test_a_peer_that_is_gone_keeps_its_descriptor_until_it_is_dropped(link: Link) -> None:
    """Closed at once, its number went to the next connection, which the loop then took for one it knew already."""
    link.other.close()
    link.peer.queue(b"lost")
    assert link.peer.flush()
    assert link.peer.closed
    assert not link.peer.listening
    assert link.socket.fileno() == link.peer.descriptor
    link.peer.queue(b"more")
    assert link.peer.unsent == 0
    link.peer.drop()
    link.peer.drop()
    assert link.socket.fileno() == -1


def test_an_acknowledgement_travels_before_the_next_output(link: Link) -> None:
    stream = Stream()
    link.peer.reader = Reader(link.peer, 0)
    link.peer.acknowledge(4)
    link.peer.acknowledge(5)
    link.peer.feed(stream)
    assert link.take() == []
    stream.append(b"x")
    link.peer.feed(stream)
    assert link.take() == [(protocol.ACK, bytes(7) + b"\5"), (protocol.OUTPUT, bytes(8) + b"x")]
    link.peer.settle()
    link.peer.flush()
    assert link.take() == []


def test_a_block_passed_on_carries_the_acknowledgement_and_waits_behind_what_is_unsent(link: Link) -> None:
    stream = Stream()
    link.peer.reader = Reader(link.peer, 0)
    link.peer.acknowledge(7)
    stream.append(b"x")
    link.peer.pass_on(stream, b"x")
    assert link.take() == [(protocol.ACK, bytes(7) + b"\7"), (protocol.OUTPUT, bytes(8) + b"x")]
    large = bytes(range(256)) * 512
    for _ in range(2):
        stream.append(large)
        link.peer.pass_on(stream, large)
    assert link.peer.blocked
    got: list[tuple[int, bytes]] = []
    while link.peer.unsent or link.peer.reader.position < stream.head:
        got += link.output()
        link.peer.feed(stream)
    assert b"".join(data for _, data in got + link.output()) == large * 2


def test_a_reader_that_missed_bytes_knows_how_many(link: Link) -> None:
    stream = Stream(100)
    stream.append(b"rest")
    link.peer.reader = Reader(link.peer, 40)
    link.peer.feed(stream)
    assert link.output() == [(100, b"rest")]
    assert link.peer.reader.skipped == 60
    assert link.peer.reader.behind(stream) == 0


def test_an_answer_brings_its_bytes_in_pieces_that_a_frame_can_hold(link: Link) -> None:
    data = bytes(range(256)) * 3000
    link.peer.owed = 1
    link.peer.respond(3, data, lines=7)
    frames: list[tuple[int, bytes]] = []
    while link.peer.unsent:
        link.peer.flush()
        frames += link.take()
    frames += link.take()
    assert b"".join(payload for kind, payload in frames if kind == protocol.DATA) == data
    assert all(len(payload) <= protocol.CHUNK for _, payload in frames)
    assert protocol.parse(frames[-1][1]) == {"id": 3, "ok": True, "lines": 7}
    assert link.peer.idle


def test_a_peer_that_waits_for_something_is_not_idle(link: Link) -> None:
    idle = [link.peer.idle]
    link.peer.owed = 1
    idle.append(link.peer.idle)
    link.peer.refuse(1, "busy", "not now", 125)
    idle.append(link.peer.idle)  # the answer has not gone out
    link.peer.flush()
    idle.append(link.peer.idle)
    assert idle == [True, False, False, True]
    assert protocol.parse(link.take()[0][1])["error"] == {"code": "busy", "message": "not now", "exit": 125}
    link.attached()
    assert not link.peer.idle
