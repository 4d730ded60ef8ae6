"""Bad input at a daemon's socket costs the sender its connection, and others nothing."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest

from sesh.daemon.server import MAX_UNFINISHED
from sesh.errors import Busy, TimedOut, Unreachable
from sesh.wire import messages, protocol
from sesh.wire.connection import Connection, connect, hello_frame, request_frames
from tests.faults.daemons import Daemons, resident
from tests.support.greeting import greet
from tests.support.waiting import PATIENCE

HELLO = hello_frame("request")


@pytest.fixture
def work(daemons: Daemons) -> Iterator[Daemons]:
    """Start a session `work`; check in the end that it runs on without a fault."""
    daemons.quiet("work", "trap '' INT QUIT; exec cat", "raw")
    yield daemons
    status = daemons.ask("work", "status")
    assert [line for line in status["faults"] if "a fault" in line] == []
    assert status["state"] == "running"


def closed(connection: Connection, within: float = 5) -> bool:
    """Return whether the daemon closes the connection in time, whatever it sends before."""
    deadline = time.monotonic() + within
    try:
        while True:
            connection.receive(deadline)
    except Unreachable:
        return True
    except TimedOut:
        return False


MALFORMED = [
    b"\x01\xff\xff\xff\xff",
    b"\x0f\x00\x10\x00\x01",
    b"GET / HTTP/1.1\r\n\r\n",
    request_frames("summary", 1),
    protocol.frame(protocol.INPUT, b"12345678x"),
    protocol.frame(0x7F, b"new"),
    *[protocol.frame(protocol.HELLO, text) for text in (b"", b"[]", b"\xff\xfe", b"[" * 200_000)],
    protocol.frame(protocol.HELLO, b'{"protocol":' + b"9" * 5000 + b"}"),
    HELLO + protocol.frame(protocol.REQUEST, b"nothing"),
    hello_frame("attach") + protocol.frame(protocol.INPUT, b"short"),
    hello_frame("attach") + protocol.frame(protocol.RESIZE, b"short"),
]


def test_r16_a_malformed_frame_closes_that_connection_only(work: Daemons) -> None:
    with connect("work") as other:
        greet(other)
        too_much = HELLO + protocol.frame(protocol.DATA, bytes(1 << 20)) * 4 + protocol.frame(protocol.DATA, b"1")
        for data in (*MALFORMED, too_much):
            with connect("work") as bad:
                with suppress(Unreachable):
                    bad.send(data, time.monotonic() + 5)
                assert closed(bad), data[:80]
            other.request(messages.SUMMARY)


@pytest.mark.soak
def test_one_who_never_says_hello_is_closed_and_one_who_has_is_not(daemons: Daemons) -> None:
    daemons.start("work", "/bin/cat")
    with connect("work") as silent, connect("work") as known, connect("work") as half:
        greet(known)
        half.send(HELLO[:10])
        assert closed(silent, PATIENCE)
        assert closed(half, PATIENCE)
        known.request(messages.SUMMARY)


def test_r16_a_thousand_idle_connections_keep_nobody_out(work: Daemons) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    client = work.attach("work")
    crowd: list[Connection] = []
    try:
        for number in range(1000):
            crowd.append(connect("work"))
            if number % 2:
                crowd[-1].send(HELLO)
        assert work.alive("work")
        client.type(b"still here\n")
        client.wait_output(b"still here")
    finally:
        for connection in crowd:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert work.alive("work")


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let connections leave only half of the usual bytes unfinished."""
    monkeypatch.setattr("sesh.daemon.server.MAX_UNFINISHED", MAX_UNFINISHED // 2)
    return MAX_UNFINISHED // 2


@pytest.mark.needs_fork("smaller bounds of memory")
@pytest.mark.parametrize("kind", ["data", "frame"])
def test_what_connections_leave_unfinished_takes_bounded_memory_together(narrow: int, work: Daemons, kind: str) -> None:
    """100 connections with 4 MB of DATA each and no request cost 405 MB."""
    block = protocol.frame(protocol.DATA, b"x" * protocol.CHUNK)
    part = block * 15 if kind == "data" else protocol.header(protocol.DATA, protocol.MAX_PAYLOAD) + b"x" * 1_000_000
    pid = work.ask("work", "status")["daemon_pid"] or 0
    crowd: list[Connection] = []
    before, peak = resident(pid), 0
    try:
        for _ in range(8 if kind == "data" else 32):
            crowd.append(connect("work"))
            with suppress(Unreachable):  # above the bound, it is closed at once
                crowd[-1].send(HELLO + part)
                crowd[-1].send(protocol.frame(protocol.PING, b"") if kind == "data" else b"x")
            peak = max(peak, resident(pid))
        with connect("work") as asking:
            greet(asking)
            asking.request(messages.SUMMARY)
        assert peak - before < 3 * narrow  # the allocator may keep as much again in smaller blocks
        assert closed(crowd[-1])
        assert not closed(crowd[0], 0.1)
    finally:
        for connection in crowd:
            connection.close()


def test_r17_another_major_version_is_refused_in_one_line_and_harms_nothing(work: Daemons) -> None:
    client = work.attach("work")
    for version in (0, 2, None, "1", [1]):
        with connect("work") as connection:
            hello = {"protocol": version, "version": "99", "role": "attach", "replace": True, "columns": 10, "rows": 5}
            connection.send(protocol.message(protocol.HELLO, hello) + request_frames("kill", 1))
            connection.expect_welcome()
            assert closed(connection)
    assert work.ask("work", "summary")["columns"] == 80
    client.type(b"untouched\n")
    client.wait_output(b"untouched")


def send_all(connection: Connection, pieces: Iterable[bytes]) -> None:
    """Send the pieces; raise TimedOut if the peer takes nothing for half a second."""
    for piece in pieces:
        connection.send(piece, time.monotonic() + 0.5)


@pytest.mark.needs_fork("smaller bounds of memory")
@pytest.mark.parametrize("kind", ["ping", "request", "change"])
def test_one_that_asks_without_end_and_reads_nothing_is_closed(
    daemons: Daemons, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The requests of such a peer delayed all others, and their answers filled the memory."""
    questions = {
        "ping": protocol.frame(protocol.PING, bytes(1 << 19)),
        "request": request_frames("status", 1) * 4000,
    }
    question = questions.get(kind) or request_frames("detach", 1, which="last") * 4000
    monkeypatch.setattr("sesh.daemon.server.MAX_UNSENT", 500_000)
    pid = daemons.start("work", "/bin/cat")
    before = resident(pid)
    with connect("work") as greedy:
        greet(greedy)
        os.set_blocking(greedy.outbound, False)
        rest: bytes | None = question
        deadline = time.monotonic() + 40
        while rest is not None:
            rest = untaken(greedy, rest or question)
            daemons.ask("work", "summary")
            assert time.monotonic() < deadline
    assert resident(pid) - before < 30 << 20


def untaken(connection: Connection, data: bytes) -> bytes | None:
    """Write what the peer takes now; return the rest, or None if it has closed."""
    try:
        return data[os.write(connection.outbound, data) :]
    except BlockingIOError:
        return data
    except OSError:
        return None


@pytest.mark.soak
def test_input_beyond_the_window_is_not_read_while_the_program_takes_none(daemons: Daemons) -> None:
    """A client that ignored its window filled the daemon's memory."""
    pid = daemons.quiet("work", "exec sleep 100", "raw -echo")
    client = daemons.attach("work")
    client.wait(protocol.SCREEN)
    other = daemons.attach("work")
    before = resident(pid)
    with pytest.raises(TimedOut):
        send_all(client.connection, (protocol.numbered(protocol.INPUT, n, bytes(256 << 10)) for n in range(1, 1000)))
    assert resident(pid) - before < 16 << 20
    other.type(b"x")
    with pytest.raises(Busy):
        daemons.ask("work", "send", bytes(4 << 20))
    daemons.show("work")
