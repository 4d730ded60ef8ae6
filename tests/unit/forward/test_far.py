"""The far end of a link that carries connections connects to this machine's loopback, and to nothing else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sesh.forward.far import FarEnd
from sesh.loop.poll import Poll
from sesh.schema import codec
from sesh.wire import protocol
from sesh.wire.connection import Connection, adopt

Frames = list[tuple[int, bytes]]


class Near:
    """The near end of a far end that runs in a thread."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self.connection = adopt(near)
        self.connection_there: Connection = adopt(far)
        self.thread = threading.Thread(target=FarEnd(self.connection_there, 60.0).run, args=([],), daemon=True)
        self.thread.start()

    def ask(self, number: int, wish: str, **keys: Any) -> None:
        self.connection.send(protocol.message(protocol.ASK, {"number": number, "wish": wish, **keys}))

    def told(self, number: int) -> tuple[bytes, dict[str, Any]]:
        """Return the bytes of an exchange, and how it ended."""
        data = b""
        while True:
            kind, payload = self.connection.receive(time.monotonic() + 10)
            if kind == protocol.PIECE and protocol.split_number(payload)[0] == number:
                data += protocol.split_number(payload)[1]
            elif kind == protocol.TOLD and codec.parse(payload)["number"] == number:
                return data, codec.parse(payload)

    def close(self) -> None:
        self.connection.close()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.connection_there.close()


@pytest.fixture
def near() -> Iterator[Near]:
    made = Near()
    yield made
    made.close()


def test_what_is_no_port_or_no_wish_is_refused(near: Near) -> None:
    for number, keys in enumerate(({"port": 0}, {"port": 1 << 16}, {"port": 1 << 50}, {}), 1):
        near.ask(number, "stream", **keys)
        assert near.told(number)[1]["why"] == "refused", keys
    near.ask(99, "list")
    assert near.told(99)[1]["why"] == "refused"


def test_a_port_that_nobody_answers_is_told_and_one_that_ends_delivers_every_byte(near: Near) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        near.ask(1, "stream", port=port)
        near.connection.send(protocol.numbered(protocol.PIECE, 1, b"begun") + protocol.numbered(protocol.PIECE, 1, b""))
        taken, _ = server.accept()
        with taken:
            assert taken.makefile("rb").read() == b"begun"
            taken.sendall(b"x" * 3000)
    data, told = near.told(1)
    assert (len(data), told["ok"]) == (3000, True)
    near.ask(3, "stream", port=port)
    assert near.told(3)[1]["why"] == "gone"


def test_who_has_nothing_to_do_waits_for_as_long_as_the_near_end_may_be_silent(
    near: Near, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took a whole processor: a wait of 60 s was one until a moment long ago."""
    waits: list[float] = []
    wait = Poll.wait

    def waits_until(poll: Poll, until: float) -> dict[int, int]:
        waits.append(until - time.monotonic())
        return wait(poll, until)

    monkeypatch.setattr(Poll, "wait", waits_until)
    for number in (1, 3):  # the second answer comes after the wait that the first one ended
        near.ask(number, "list")
        near.told(number)
    assert len(waits) < 10
    assert max(waits) > 50


def test_a_session_that_is_not_there_has_ended(near: Near) -> None:
    near.ask(1, "session", session="0" * 16)
    assert near.told(1)[1]["why"] == "gone"


@pytest.mark.parametrize(
    "frame",
    [
        protocol.frame(protocol.ASK, b"[]"),
        protocol.frame(protocol.ASK, b'{"number": "one"}'),
        protocol.frame(protocol.ASK, b'{"number": 1, "wish": "stream", "port": 1.5}'),
        protocol.frame(protocol.ASK, b'{"number": 1, "wish": "stream", "port": -1}'),
        protocol.frame(protocol.ASK, b" " * 5000),
        protocol.frame(protocol.PIECE, b"short"),
        protocol.frame(protocol.TAKEN, bytes(8)),
        protocol.frame(protocol.TOLD, b"{"),
        protocol.header(protocol.PIECE, 1 << 30),
        protocol.message(protocol.ASK, {"number": 1, "wish": "session"}) * 2,
    ],
)
def test_what_is_malformed_ends_the_link(frame: bytes) -> None:
    made = Near()
    made.connection.send(frame)
    made.close()
