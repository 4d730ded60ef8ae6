"""A login comes home: the loopback port is listened on here, and each connection is carried."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.client.desktop.exchanges import Exchange, State
from sesh.client.desktop.listener import LOGIN_TIME, LoginListener, opening
from sesh.forward.listener import LINK_TIME, Opening
from sesh.system import descriptors, platforms
from sesh.wire.messages import Wish
from sesh.wire.pieces import Flow

PORT = 1455
REQUEST = b"GET /auth/callback?code=1 HTTP/1.1\r\nAccept: */*\r\nHost: localhost:1455\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\x00\x01rest"


@pytest.mark.parametrize(
    "host", ["localhost:1455", "127.0.0.1:1455", "[::1]:1455", "LOCALHOST:1455", "a.localhost:1455"]
)
def test_a_request_for_this_port_of_loopback_is_carried(host: str) -> None:
    assert opening(REQUEST.replace(b"localhost:1455", host.encode()), PORT, tls=False) is Opening.WANTED


@pytest.mark.parametrize(
    "data",
    [
        REQUEST.replace(b"localhost", b"evil.example"),
        REQUEST.replace(b":1455", b":1456"),
        REQUEST.replace(b":1455", b""),
        REQUEST.replace(b"Host:", b"Ghost:"),
        REQUEST.replace(b"\r\n\r\n", b"\r\nHost: evil.example\r\n\r\n"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
        b"user password\r\n",
        HELLO,
    ],
)
def test_anything_else_is_not_carried(data: bytes) -> None:
    """A local program's password must not go to a host."""
    assert opening(data, PORT, tls=False) is Opening.OTHER


def test_a_head_of_blanks_holds_up_no_loop() -> None:
    """Any user of this machine can connect to the port."""
    for rest in (b"x", b"\rx", b"\r\n", b"\r\nx", b"localhost:1455"):
        begun = time.process_time()
        opening(b"GET / HTTP/1.1\r\nHost:" + b" " * 30_000 + rest, PORT, tls=False)
        assert time.process_time() - begun < 0.03


def test_a_port_of_tls_carries_a_hello_alone() -> None:
    assert opening(HELLO, PORT, tls=True) is Opening.WANTED
    assert opening(HELLO[:3], PORT, tls=True) is Opening.UNKNOWN
    assert opening(REQUEST, PORT, tls=True) is Opening.OTHER


@given(st.integers(1, len(REQUEST) - 1))
def test_the_beginning_of_a_request_waits_for_its_rest(size: int) -> None:
    assert opening(REQUEST[:size], PORT, tls=False) is Opening.UNKNOWN


@given(st.binary(max_size=100))
def test_what_is_carried_names_the_port(data: bytes) -> None:
    if opening(data, PORT, tls=False) is Opening.WANTED:
        assert b"1455" in data


class Carrying:
    """A listener in a loop, with the streams that it has begun."""

    def __init__(self, *, own: bool = False) -> None:
        self.now = time.monotonic()
        self.streams: list[Exchange] = []
        self.is_linked = True
        self.listener = LoginListener(free_port(), self.now, tls=False, own=own)
        self.port = self.listener.port
        self.request = REQUEST.replace(b"1455", str(self.port).encode())

    def begin(self, port: int) -> Exchange:
        flow = Flow(2 * len(self.streams) + 1)
        exchange = Exchange(Wish.STREAM, {"port": port}, flow, State.WORKING if self.is_linked else State.GONE)
        if self.is_linked:
            self.streams.append(exchange)
        return exchange

    def run(self) -> None:
        """Run until nothing is ready."""
        while ready := descriptors.polled(self.listener.watched().items(), time.monotonic() + 0.02):
            self.listener.act(ready, self.now, self.begin)
        self.listener.act([], self.now, self.begin)

    def browser(self, host: str = "127.0.0.1") -> socket.socket:
        made = socket.create_connection((host, self.port))
        made.settimeout(10)
        return made

    def answer(self, stream: Exchange, data: bytes) -> None:
        stream.flow.receive(data)
        self.listener.moved(stream, self.now, self.begin)


def end(exchange: Exchange) -> None:
    """End an exchange as a TOLD of the daemon does."""
    exchange.state = State.TOLD


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def carrying() -> Iterator[Carrying]:
    made = Carrying()
    yield made
    made.listener.close()


def test_two_connections_of_which_one_is_idle_are_both_taken_and_one_is_carried(carrying: Carrying) -> None:
    with carrying.browser(), carrying.browser() as used:
        used.sendall(carrying.request[:20])
        carrying.run()
        assert carrying.streams == []
        used.sendall(carrying.request[20:])
        carrying.run()
        (stream,) = carrying.streams
        assert bytes(stream.flow.unsent) == carrying.request
        carrying.answer(stream, b"HTTP/1.1 200 OK\r\n\r\n")
        assert used.recv(100) == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_page_is_found_on_both_families(carrying: Carrying) -> None:
    if not socket.has_ipv6 or len(carrying.listener.sockets) < 2:
        pytest.skip("this machine has no IPv6")
    with carrying.browser("::1") as used:
        used.sendall(carrying.request)
        carrying.run()
        assert len(carrying.streams) == 1


def test_the_ends_of_both_sides_are_passed_on(carrying: Carrying) -> None:
    with carrying.browser() as used:
        used.sendall(carrying.request)
        carrying.run()
        (stream,) = carrying.streams
        carrying.answer(stream, b"page")
        carrying.answer(stream, b"")
        assert used.recv(100) == b"page"
        assert used.recv(100) == b""
        used.close()
        carrying.run()
        assert stream.flow.closed
        end(stream)
        carrying.listener.moved(stream, carrying.now, carrying.begin)
        assert carrying.listener.connections == []


def test_what_is_no_request_is_closed_and_never_carried(carrying: Carrying) -> None:
    with carrying.browser() as other:
        other.sendall(b"EHLO localhost\r\n")
        carrying.run()
        assert other.recv(100) == b""
        assert carrying.streams == []


def test_a_browser_that_reads_slowly_makes_the_other_side_wait(carrying: Carrying) -> None:
    with carrying.browser() as used:
        used.sendall(carrying.request)
        carrying.run()
        (stream,) = carrying.streams
        sent = 0
        while not stream.flow.incoming and sent < 64 << 20:
            carrying.answer(stream, bytes(64 << 10))
            sent += 64 << 10
        assert stream.flow.incoming, "nothing more is taken"
        received = 0
        while received < sent:
            received += len(used.recv(1 << 20))
            carrying.listener.act([*carrying.listener.watched()], carrying.now, carrying.begin)


def test_a_port_that_is_taken_on_either_family_is_not_listened_on() -> None:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET, "")):
        with socket.socket(family) as other:
            try:
                other.bind((host, 0))
            except OSError:
                continue
            other.listen()
            with pytest.raises(OSError, match="in use"):
                LoginListener(int(other.getsockname()[1]), 0.0, tls=False, own=False)


def test_elsewhere_than_on_linux_a_port_at_which_somebody_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS lets a program listen on 127.0.0.1 beside another one that listens on all addresses."""
    monkeypatch.setattr(platforms, "LINUX", False)
    port = free_port()
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: 0)
    with pytest.raises(OSError, match="in use"):
        LoginListener(port, 0.0, tls=False, own=False)
    monkeypatch.undo()
    LoginListener(port, 0.0, tls=False, own=False).close()


def test_a_login_is_listened_for_until_the_far_port_closes_or_for_ten_minutes(carrying: Carrying) -> None:
    listener = carrying.listener
    assert listener.due == pytest.approx(carrying.now + LOGIN_TIME)
    listener.watch = carrying.begin(carrying.port)
    listener.watch.state = State.GONE
    assert listener.moved(listener.watch, carrying.now, carrying.begin)
    assert listener.open, "the link has broken, and heals"
    end(listener.watch)
    listener.moved(listener.watch, carrying.now, carrying.begin)
    assert listener.sockets == []
    other = Carrying()
    other.now += LOGIN_TIME
    other.run()
    assert other.listener.sockets == []


def test_an_addresss_own_host_is_listened_for_until_ten_minutes_after_its_last_connection() -> None:
    carrying = Carrying(own=True)
    with carrying.browser() as used:
        used.sendall(carrying.request)
        carrying.run()
        carrying.now += LOGIN_TIME - 1
        carrying.run()
    end(carrying.streams[0])
    carrying.listener.moved(carrying.streams[0], carrying.now, carrying.begin)
    carrying.now += LOGIN_TIME - 1
    carrying.run()
    assert carrying.listener.sockets
    carrying.now += 2
    carrying.run()
    assert not carrying.listener.sockets
    carrying.listener.close()


def test_a_connection_waits_a_while_for_a_link_that_heals(carrying: Carrying) -> None:
    carrying.is_linked = False
    with carrying.browser() as used:
        used.sendall(carrying.request)
        carrying.run()
        assert carrying.streams == []
        carrying.is_linked = True
        carrying.run()
        assert len(carrying.streams) == 1
    carrying.is_linked = False
    with carrying.browser() as used:
        used.sendall(carrying.request)
        carrying.run()
        carrying.now += LINK_TIME
        carrying.run()
        assert used.recv(100) == b""


def break_link(carrying: Carrying) -> None:
    """End the last stream as a lost link does."""
    carrying.streams[-1].state = State.GONE
    carrying.is_linked = False
    carrying.listener.moved(carrying.streams[-1], carrying.now, carrying.begin)


def test_a_request_without_an_answer_is_carried_again_over_the_next_link(carrying: Carrying) -> None:
    with carrying.browser() as used:
        used.sendall(carrying.request)
        carrying.run()
        break_link(carrying)
        carrying.run()
        carrying.is_linked = True
        carrying.run()
        assert len(carrying.streams) == 2
        assert bytes(carrying.streams[1].flow.unsent) == carrying.request
        carrying.answer(carrying.streams[1], b"page")
        assert used.recv(100) == b"page"
        break_link(carrying)
        assert used.recv(100) == b"", "the rest of an answer is not asked for"


@pytest.mark.parametrize("more", [b"", b"GET /favicon.ico HTTP/1.1\r\n"])
def test_what_must_not_come_twice_is_not_carried_again(carrying: Carrying, more: bytes) -> None:
    with carrying.browser() as used:
        used.sendall(carrying.request if more else carrying.request.replace(b"GET", b"POST"))
        carrying.run()
        used.sendall(more)
        carrying.run()
        break_link(carrying)
        assert used.recv(100) == b""


def test_a_thousand_idle_connections_end_the_oldest(carrying: Carrying) -> None:
    browsers = []
    for _ in range(100):
        browsers.append(carrying.browser())
        carrying.run()
    assert len(carrying.listener.connections) <= 64
    ready, _, _ = select.select(browsers[:1], [], [], 10)
    assert ready, "the first one was closed"
    for each in browsers:
        each.close()
