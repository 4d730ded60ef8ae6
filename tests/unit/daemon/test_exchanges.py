"""The client's side of exchanges, with a daemon of this process at the other end of its channel."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from sesh.client.channel import Channel
from sesh.client.desktop.exchanges import Exchanges, State
from sesh.errors import ProtocolError
from sesh.schema import codec
from sesh.wire import protocol
from sesh.wire.connection import Connection, request_frames
from tests.support.desk import EXCHANGE_FRAMES, Stub
from tests.unit.daemon.connections import Daemon, Link


class Client:
    """A client's channel and exchanges, attached to a daemon, and a caller of that daemon."""

    def __init__(self, server: Daemon, desktop: Stub | None = None) -> None:
        self.server = server
        self.beside: Callable[[], None] = lambda: None  # what else is to run
        self.link, self.caller = Link(server), Link(server)
        hello = {"protocol": protocol.PROTOCOL, "role": "attach", "columns": 80, "rows": 24, "remote": True}
        server.session.attached.handle_hello(self.link.connection, hello)
        server.session.attached.handle_hello(self.caller.connection, {"protocol": protocol.PROTOCOL, "role": "request"})
        self.channel = Channel()
        self.desktop = desktop or Stub()
        self.exchanges = self.desktop.exchanges = Exchanges(self.channel, self.desktop, over_link=True)
        descriptor = os.dup(self.link.other.fileno())
        connection = Connection(descriptor, descriptor, "work")
        connection.welcome = {"id": "1"}
        self.channel.replace_connection(connection, b"")
        self.exchanges.connected()
        self.frames: list[tuple[int, bytes]] = []
        server.until(lambda: server.session.desk.desktop_of(server.session.clients.all[-1]))

    def run(self) -> None:
        """Do what the client's loop does."""
        assert self.channel.read()
        while self.channel.frames:
            kind, payload = self.channel.frames.popleft()
            if kind in EXCHANGE_FRAMES:
                self.exchanges.handle_frame(kind, payload)
        self.channel.send()
        self.exchanges.run([], time.monotonic())

    def until(self, true: Callable[[], object]) -> None:
        """Let the client and the daemon run until something is true."""

        def runs() -> object:
            self.run()
            self.beside()
            return true()

        self.server.until(runs)

    def wish(self, wish: str, data: bytes = b"", **keys: Any) -> tuple[dict[str, Any], bytes]:
        """Make a caller's request; return the response and its bytes."""
        self.caller.other.sendall(request_frames("desk", 1, data, wish=wish, **keys))
        frames: list[tuple[int, bytes]] = []

        def responded() -> bool:
            frames.extend(self.caller.take())
            return any(kind == protocol.RESPONSE for kind, _ in frames)

        self.until(responded)
        (response,) = (codec.parse(payload) for kind, payload in frames if kind == protocol.RESPONSE)
        return response["result"], b"".join(payload for kind, payload in frames if kind == protocol.DATA)

    def close(self) -> None:
        self.channel.close()
        self.link.close()
        self.caller.close()


@pytest.fixture
def client(server: Daemon) -> Iterator[Client]:
    client = Client(server)
    yield client
    client.close()


def test_a_list_a_read_a_write_and_a_page_come_to_the_desktop_and_back(client: Client) -> None:
    assert client.wish("list")[0]["types"] == ["text/plain"]
    assert client.wish("read", type="text/plain") == (
        {"ok": True, "why": "", "words": "", "type": "text/plain"},
        b"content",
    )
    assert client.wish("write", b"other", type="text/plain")[0]["ok"] is True
    assert client.desktop.clipboard == b"other"
    assert client.wish("open", url="https://example.org/")[0]["ok"] is True
    assert client.desktop.opened == ["https://example.org/"]
    assert client.exchanges._all == {}


def test_megabytes_come_whole_both_ways(client: Client) -> None:
    client.desktop.clipboard = content = os.urandom(3 << 20)
    assert client.wish("read", type="image/png")[1] == content
    other = os.urandom(100_000)
    client.wish("write", other, type="image/png")
    assert client.desktop.clipboard == other


def test_what_the_person_does_not_agree_to_is_told(client: Client) -> None:
    client.desktop.agrees = False
    assert client.wish("read", type="text/plain") == ({"ok": False, "why": "consent", "words": ""}, b"")


def test_a_wish_that_only_a_newer_daemon_knows_is_refused(client: Client) -> None:
    client.exchanges.handle_frame(protocol.ASK, codec.encode({"number": 2, "wish": "paint"}))
    client.exchanges.handle_frame(protocol.ASK, codec.encode({"number": 4, "wish": "stream"}))
    assert client.desktop.moves == []
    assert client.exchanges._all == {}
    with pytest.raises(ProtocolError, match="twice"):
        client.exchanges.handle_frame(protocol.ASK, codec.encode({"number": 3, "wish": "list"}))


def test_a_daemon_that_begins_exchanges_and_reads_no_answer_is_left(client: Client) -> None:
    client.channel.unwritten += b"more than the link takes"
    asks = (codec.encode({"number": number, "wish": "list"}) for number in range(2, 2000, 2))
    with pytest.raises(ProtocolError, match="more exchanges"):
        deque(map(partial(client.exchanges.handle_frame, protocol.ASK), asks))
    assert len(client.exchanges._all) < 300


def test_a_connection_to_a_port_over_there_is_carried_and_ends(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stream = client.exchanges.stream(listening.getsockname()[1])
        watched = client.exchanges.watch_port(listening.getsockname()[1])
        stream.give(b"GET /")
        stream.finish()
        client.run()
        for _ in range(4):
            client.server.turn()
        accepted, _ = listening.accept()
        with accepted:
            client.until(lambda: accepted.recv(5, socket.MSG_PEEK))
            accepted.sendall(b"200 OK")
        client.until(lambda: stream.over)
    assert (stream.take(), stream.ended, stream.answer["ok"]) == (b"200 OK", False, True)
    client.until(lambda: watched.over)
    assert watched.answer["why"] == "gone"


def test_a_lost_link_ends_every_exchange_and_none_begins_without_one(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stream = client.exchanges.stream(listening.getsockname()[1])
        client.exchanges.disconnected()
        client.channel.close()
        assert stream.state is State.GONE
        assert client.desktop.moves == [stream]
        assert client.exchanges.stream(listening.getsockname()[1]).state is State.GONE
        stream.give(b"lost")
        client.exchanges.run([], 0.0)


def test_a_host_that_writes_without_end_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sesh.client.desktop.exchanges.MAX_BYTES", 100)
    client.exchanges.handle_frame(protocol.ASK, codec.encode({"number": 2, "wish": "write", "type": "text/plain"}))
    piece = protocol.numbered(protocol.PIECE, 2, b"x" * 101)
    client.exchanges.handle_frame(protocol.PIECE, piece[protocol.HEADER_SIZE :])
    assert client.desktop.moves[-1].state is State.TOLD
    assert client.desktop.clipboard == b"content"


def test_keys_go_before_pieces(client: Client) -> None:
    client.desktop.clipboard = os.urandom(1 << 20)
    client.exchanges.handle_frame(protocol.ASK, codec.encode({"number": 2, "wish": "read", "type": "image/png"}))
    assert client.channel.unwritten == b""  # no more was sent than the socket takes and the window allows
    client.channel.unwritten = b"keys"
    frame_count = client.exchanges._pieces.flows[2].sent
    client.exchanges.send(time.monotonic())
    assert client.exchanges._pieces.flows[2].sent == frame_count
