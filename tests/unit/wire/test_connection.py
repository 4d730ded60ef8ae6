"""A connection to a daemon that is another user's, full, or speaks without end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from sesh.errors import Refused, TimedOut, Unreachable
from sesh.system import paths, platforms
from sesh.wire import messages, protocol
from sesh.wire.connection import Connection, adopt, connect
from tests.unit.masks import masked


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and the socket at its other end, where the test plays the daemon."""
    near, far = socket.socketpair()
    with adopt(near) as connection, far:
        yield connection, far


@pytest.fixture
def listener(sessions: Path) -> Iterator[socket.socket]:
    """A socket that listens as the session `work` and answers nothing."""
    with socket.socket(socket.AF_UNIX) as listening, masked(0o177):
        with paths.socket_address(str(sessions), "work.sock") as address:
            listening.bind(address)
        listening.listen(1)
        yield listening


def soon(seconds: float = 0.05) -> float:
    return time.monotonic() + seconds


Pair = tuple[Connection, socket.socket]


def test_a_daemon_of_another_user_is_not_spoken_to(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory may change after its check, so the kernel names the listener's user."""
    monkeypatch.setattr(platforms, "peer_uid", lambda _: os.geteuid() + 1)
    with pytest.raises(Refused, match=rf"another user \(uid {os.geteuid() + 1}\) listens .*; set SESH_DIR"):
        connect("work")
    listener.settimeout(5)
    accepted, _ = listener.accept()
    accepted.settimeout(5)
    assert accepted.recv(1) == b"", "nothing was said to it"
    accepted.close()


def test_a_daemon_whose_backlog_is_full_is_unreachable_in_time(listener: socket.socket, sessions: Path) -> None:
    waiting = []
    try:
        for _ in range(8):
            opened = socket.socket(socket.AF_UNIX)
            opened.setblocking(False)
            waiting.append(opened)
            opened.connect_ex(str(sessions / "work.sock"))
        before = len(os.listdir("/dev/fd"))
        with pytest.raises(Unreachable, match="does not answer"):
            connect("work", timeout=0.2)
        assert len(os.listdir("/dev/fd")) == before
    finally:
        for opened in waiting:
            opened.close()


def test_a_deadline_passes_while_the_other_side_keeps_sending(pair: Pair) -> None:
    """Each frame began the timeout again, so that the wait had no end."""
    connection, far = pair
    stop = Event()

    def send() -> None:
        with suppress(OSError):
            while not stop.is_set():
                far.sendall(protocol.frame(protocol.PONG, b"1") * 10_000)

    thread = Thread(target=send)
    thread.start()
    try:
        with pytest.raises(TimedOut):
            connection.await_response(messages.SUMMARY, 1, soon(0.2))
    finally:
        stop.set()
        connection.close()
        thread.join()


def test_what_fits_is_sent_and_nothing_waits_for_the_rest(pair: Pair) -> None:
    near, far = pair
    sent = 0
    while count := near.send_some(bytes(64 << 10)):
        sent += count
    assert sent > 0
    assert os.get_blocking(near.outbound)
    far.recv(1 << 20)
    assert near.send_some(b"more") == 4
    far.close()
    with pytest.raises(Unreachable, match="closed the connection"):
        near.send_some(b"lost")


def test_a_daemon_that_loads_after_a_reload_has_more_time_to_answer(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for dead, though it had only much scrollback to load."""
    near, far = pair
    welcome = protocol.message(protocol.WELCOME, {"protocol": protocol.PROTOCOL, "id": "1", "name": "work"})
    far.sendall(welcome)
    near.handshake()
    far.recv(1 << 16)
    monkeypatch.setattr(protocol, "WELCOME_TIMEOUT", 0.0)
    loading = Thread(target=lambda: far.send(welcome) if far.recv(1 << 16) else None)
    loading.start()
    assert near.handshake()["id"] == "1"
    loading.join()
