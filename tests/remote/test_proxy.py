"""The network that obeys the test, with plain sockets on both sides."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from tests.remote.proxy import Proxy
from tests.support import wait_until

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


@pytest.fixture
def proxy(server: socket.socket) -> Iterator[Proxy]:
    own = Proxy(server.getsockname()[1])
    yield own
    own.close()


@pytest.fixture
def pair(proxy: Proxy, server: socket.socket) -> Iterator[Callable[[], Pair]]:
    """Opens a connection through the proxy: our side and the server's."""
    made: list[socket.socket] = []

    def connect() -> Pair:
        near = socket.create_connection(("127.0.0.1", proxy.port), 5)
        far, _ = server.accept()
        far.settimeout(5)
        made.extend((near, far))
        return near, far

    yield connect
    for side in made:
        side.close()


def test_bytes_pass_both_ways_and_are_counted(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    near.sendall(b"ping")
    assert far.recv(10) == b"ping"
    far.sendall(b"pong!")
    assert near.recv(10) == b"pong!"
    wait_until(lambda: proxy.passed == 9)
    assert (proxy.accepted, proxy.connections) == (1, 1)


def test_megabytes_pass_whole_to_a_reader_that_is_late(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    data = bytes(range(256)) * 200_000
    near.settimeout(0.2)
    with pytest.raises(TimeoutError):
        near.sendall(data)
    near.shutdown(socket.SHUT_WR)
    got = bytearray()
    while block := far.recv(1 << 20):
        got += block
    assert len(got) > 1 << 20
    assert got == data[: len(got)]


def test_an_end_of_one_side_leaves_the_other_open(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    near.shutdown(socket.SHUT_WR)
    assert far.recv(10) == b""
    far.sendall(b"last words")
    far.close()
    assert near.recv(20) == b"last words"
    assert near.recv(20) == b""
    wait_until(lambda: proxy.connections == 0)


def test_a_reset_by_one_side_is_a_reset_for_the_other(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    near.close()
    with pytest.raises(ConnectionResetError):
        far.recv(10)


def test_a_cut_resets_both_sides_and_lets_others_come(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    proxy.cut()
    assert proxy.connections == 0
    for side in (near, far):
        with pytest.raises(ConnectionResetError):
            side.recv(10)
    pair()
    assert proxy.accepted == 2


def test_who_is_refused_is_told_at_once_while_others_go_on(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), 5)
    near.sendall(b"still here")
    assert far.recv(20) == b"still here"
    proxy.restore()
    pair()


def test_a_silence_passes_nothing_and_breaks_nothing(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    proxy.silence()
    near.sendall(b"held")
    far.settimeout(0.2)
    with pytest.raises(TimeoutError):
        far.recv(10)
    other = socket.create_connection(("127.0.0.1", proxy.port), 5)
    other.close()
    proxy.restore()
    far.settimeout(5)
    assert far.recv(10) == b"held"


def test_nobody_hears_of_an_end_during_a_silence(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    proxy.silence()
    near.close()
    far.settimeout(0.2)
    with pytest.raises(TimeoutError):
        far.recv(10)
    proxy.restore()
    far.settimeout(5)
    assert far.recv(10) == b""


def test_a_cut_ends_a_silence_of_the_connections_that_were(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    _, far = pair()
    proxy.silence()
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        far.recv(10)


def test_a_delay_holds_bytes_back_and_keeps_their_order(proxy: Proxy, pair: Callable[[], Pair]) -> None:
    near, far = pair()
    proxy.delay(0.2)
    begun = time.monotonic()
    near.sendall(b"one")
    assert far.recv(10) == b"one"
    assert 0.19 < time.monotonic() - begun < 2
    near.sendall(b"two ")
    near.sendall(b"three")
    near.shutdown(socket.SHUT_WR)
    got = b""
    while block := far.recv(10):
        got += block
    assert got == b"two three"


def test_a_server_that_is_gone_resets_who_connects(proxy: Proxy, server: socket.socket) -> None:
    server.close()

    def ask() -> bytes:
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as near:
            return near.recv(10)

    with pytest.raises(ConnectionResetError):
        ask()
