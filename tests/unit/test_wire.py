"""A connection to a daemon, against a peer of the test's own: honest, slow, gone, or talking rubbish."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from sesh import files, machine, paths, protocol, wire
from sesh.errors import NotFound, ProtocolError, Refused, SeshError, TimedOut, Unknown, Unreachable
from sesh.measures import uptime

WELCOME = protocol.message(protocol.WELCOME, {"protocol": protocol.PROTOCOL, "version": "9", "name": "work"})


@pytest.fixture
def pair() -> Iterator[tuple[wire.Connection, socket.socket]]:
    """A connection, and the socket of the daemon that it speaks to."""
    near, far = socket.socketpair()
    with wire.adopt(near) as connection, far:
        yield connection, far


@pytest.fixture
def listener(sessions: Path) -> Iterator[socket.socket]:
    """A socket that listens as the session `work` and answers nothing."""
    with socket.socket(socket.AF_UNIX) as listening, files.masked(0o177):
        with paths.reachable(str(sessions), "work.sock") as address:
            listening.bind(address)
        listening.listen(1)
        yield listening


def soon(seconds: float = 0.05) -> float:
    return time.monotonic() + seconds


def response(number: int, **more: object) -> bytes:
    return protocol.message(protocol.RESPONSE, {"id": number, **more})


Pair = tuple[wire.Connection, socket.socket]


def test_frames_come_whole_however_they_are_cut(pair: Pair) -> None:
    connection, far = pair
    data = WELCOME + protocol.frame(protocol.PING, b"x")
    for at in range(len(data)):
        far.send(data[at : at + 1])
    assert connection.expect_welcome(soon(5))["name"] == "work"
    assert connection.receive(soon(5)) == (protocol.PING, b"x")
    with pytest.raises(TimedOut):
        connection.receive(soon())


def test_a_request_gets_its_own_answer_with_the_bytes_that_belong_to_it(pair: Pair) -> None:
    connection, far = pair
    far.sendall(
        protocol.frame(protocol.DATA, b"another's") + response(7, ok=True)
        + protocol.frame(0x7F, b"of a newer daemon") + protocol.frame(protocol.PING)
        + protocol.frame(protocol.DATA, b"one,") + protocol.frame(protocol.DATA, b"two") + response(1, ok=True, n=3)
    )  # fmt: skip
    answer, data = connection.request("logs", b"sent", soon(5), lines=5)
    assert (answer["n"], data) == (3, b"one,two")
    sent = protocol.Decoder().feed(far.recv(65536))
    assert sent[0] == (protocol.DATA, b"sent")
    asked = protocol.parse(sent[1][1])
    assert asked.pop("begin_by") > 0
    assert asked == {"id": 1, "verb": "logs", "lines": 5}


def test_another_protocol_number_is_one_line(pair: Pair) -> None:
    """R17."""
    connection, far = pair
    far.sendall(
        protocol.message(protocol.WELCOME, {"protocol": protocol.PROTOCOL + 1, "version": "99.0", "name": "work"})
    )
    with pytest.raises(ProtocolError, match=r"sesh 99\.0.*sesh --reload work") as caught:
        connection.hello("attach", soon(5))
    assert "\n" not in str(caught.value)


def test_a_peer_that_is_gone_is_unreachable(pair: Pair) -> None:
    connection, far = pair
    far.sendall(protocol.header(protocol.OUTPUT, 100) + b"a part")
    far.close()
    with pytest.raises(Unreachable):
        connection.receive(soon(5))
    with pytest.raises(Unreachable):
        connection.send(b"x" * 1000, soon(5))


def test_frames_that_nobody_took_are_handed_over(pair: Pair) -> None:
    connection, far = pair
    far.sendall(WELCOME + protocol.frame(protocol.PING, b"1") + protocol.frame(protocol.PING, b"2") + b"\x05\x00")
    connection.expect_welcome(soon(5))
    assert connection.leftovers() == [(protocol.PING, b"1"), (protocol.PING, b"2")]
    assert connection.leftovers() == []
    assert connection.decoder.held == 2


def test_a_non_blocking_connection_waits_without_spinning(pair: Pair) -> None:
    connection, far = pair
    os.set_blocking(connection.inbound, False)
    began = time.process_time()
    with pytest.raises(TimedOut):
        connection.receive(soon(0.3))
    with pytest.raises(TimedOut):
        connection.send(bytes(8 << 20), soon(0.3))
    assert time.process_time() - began < 0.2
    assert len(far.recv(1 << 16)) > 0


def test_a_socket_that_nobody_listens_on_is_an_absent_session(listener: socket.socket) -> None:
    listener.close()
    with pytest.raises(NotFound):
        wire.connect("work")


def test_a_daemon_of_another_user_is_not_spoken_to(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory may be exchanged between the look at it and the connection: who listens is asked of the kernel."""
    monkeypatch.setattr(machine, "peer_uid", lambda _: os.geteuid() + 1)
    with pytest.raises(Refused, match=rf"another user \(uid {os.geteuid() + 1}\) listens .*; set SESH_DIR"):
        wire.connect("work")
    listener.settimeout(5)
    accepted, _ = listener.accept()
    accepted.settimeout(5)
    assert accepted.recv(1) == b"", "nothing was said to it"
    accepted.close()


def test_what_is_no_socket_of_ours_is_refused(sessions: Path) -> None:
    """R7."""
    (sessions / "work.sock").touch(mode=0o600)
    with pytest.raises(Refused):
        wire.connect("work")
    (sessions / "work.sock").unlink()
    (sessions / "work.sock").symlink_to("/tmp")
    with pytest.raises(Refused):
        wire.connect("work")
    sessions.chmod(0o755)
    with pytest.raises(Refused, match="accessible to other users"):
        wire.connect("work")


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
            wire.connect("work", timeout=0.2)
        assert len(os.listdir("/dev/fd")) == before
    finally:
        for opened in waiting:
            opened.close()


def test_one_verb_goes_out_in_one_go_and_comes_back(pair: Pair) -> None:
    connection, far = pair
    far.sendall(WELCOME + protocol.frame(protocol.DATA, b"bytes") + response(1, ok=True))
    answer, data = connection.single_request("send", b"typed", timeout=5.0, more=True)
    assert (answer["ok"], data) == (True, b"bytes")
    seen = protocol.Decoder().feed(far.recv(65536))
    assert [kind for kind, _ in seen] == [protocol.HELLO, protocol.DATA, protocol.REQUEST]
    hello, asked = protocol.parse(seen[0][1]), protocol.parse(seen[2][1])
    assert (hello["protocol"], hello["role"], hello["pid"]) == (protocol.PROTOCOL, "request", os.getpid())
    assert asked.pop("begin_by") > 0
    assert asked == {"id": 1, "verb": "send", "more": True}


def test_a_deadline_passes_while_the_other_side_keeps_sending(pair: Pair) -> None:
    """Each frame that came in time was another wait: an answer was waited for without end."""
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
            connection.answer(1, soon(0.2))
    finally:
        stop.set()
        connection.close()
        thread.join()


def test_a_deadline_passes_while_the_other_side_keeps_reading(pair: Pair) -> None:
    connection, far = pair

    def read() -> None:
        with suppress(OSError):
            while far.recv(4096):
                continue

    thread = Thread(target=read)
    thread.start()
    try:
        with pytest.raises(TimedOut):
            connection.send(bytes(1 << 29), soon(0.1))
    finally:
        connection.close()
        thread.join()


@pytest.mark.parametrize(
    ("verb", "does", "kind", "said"),
    [
        ("label", "", TimedOut, "nothing was done"),
        ("label", "read", Unknown, "it may be done or not"),
        ("label", "read, answer", TimedOut, "too late"),
        ("label", "close", Unreachable, "nothing was done"),
        ("label", "read, close", Unknown, "it may be done or not"),
        ("summary", "read", TimedOut, "did not answer in time"),
    ],
)
def test_who_hears_no_answer_knows_whether_a_change_may_be_made(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, verb: str, does: str, kind: type[SeshError], said: str
) -> None:
    connection, far = pair
    send = connection.send

    def send_and_act(data: bytes, deadline: float | None = None) -> None:
        send(data, deadline)
        if "read" in does:
            far.recv(1000)
        if "answer" in does:
            far.sendall(response(connection._requests, error=TimedOut("too late").facts()))
        if "close" in does:
            far.close()

    connection.send = send_and_act  # type: ignore[method-assign]
    monkeypatch.setattr(wire, "GRACE", 0.05)
    with pytest.raises(kind, match=said) as raised:
        connection.request(verb, deadline=soon())
    assert type(raised.value) is kind


def test_a_request_over_a_link_has_the_clock_of_the_daemons_machine(pair: Pair) -> None:
    connection, far = pair
    connection.peer.ahead = 1000.0
    with pytest.raises(TimedOut):
        connection.request("summary", deadline=soon())
    (_, asked) = protocol.Decoder().feed(far.recv(1000))[-1]
    assert 900 < protocol.parse(asked)["begin_by"] - uptime() < 1001
