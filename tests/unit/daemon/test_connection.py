"""A connection sends frames, however few bytes the peer reads at a time."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from types import FunctionType

import pytest

from sesh.daemon.activity.activity import Activity
from sesh.daemon.clients.acks import ECHO_TIME
from sesh.daemon.clients.client import Follower, Output
from sesh.daemon.clients.connection import Role
from sesh.daemon.frames.findings import Findings
from sesh.daemon.frames.query_router import QueryRouter
from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.daemon.shell.run_marks import MarkFilter
from sesh.loop.poll import READ
from sesh.wire import protocol
from sesh.wire.connection import hello_frame
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Daemon, Link, prints


@pytest.fixture
def link(server: Daemon) -> Iterator[Link]:
    opened = Link(server, buffer=16 << 10)
    yield opened
    opened.close()


@pytest.mark.parametrize("part", [MarkFilter.split, QueryRouter.note, Activity.act, Findings.handle])
def test_output_is_sent_although_a_part_that_looks_at_it_fails(
    server: Daemon, link: Link, monkeypatch: pytest.MonkeyPatch, part: FunctionType
) -> None:
    """It stayed in the log until more output came, or was lost."""
    monkeypatch.setattr(f"{part.__module__}.{part.__qualname__}", lambda *_: next(iter(())))
    own = server.session
    link.connection.reader = own.sender.followers[link.connection] = Follower(link.connection, 0)
    own.runs._has_typed = True  # as once a run was typed
    own.activity.due = 0.0
    prints(own, b"\x07\x1b[c")
    server.turn()
    assert link.output() == [(0, b"\x07\x1b[c")]
    assert "StopIteration" in own.faults.lines[-1]


def test_a_query_that_a_client_was_not_sent_yet_is_answered_by_the_daemon(
    server: Daemon, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client got a screen instead, without the query, and the program waited for ever."""
    own = server.session
    client = link.attached(acknowledges=True)
    own.clients.add(client)
    server.until(lambda: client.output(own.clients.size) is Output.LIVE and link.connection.flush())
    typed: list[bytes] = []
    monkeypatch.setattr(own.pump, "type", lambda data, **_: typed.append(data))
    prints(own, b"seen\x1b[c")
    server.turn()
    assert typed == [], "the client answers"
    prints(own, bytes(256 << 10) + b"\x1b[6n")
    server.turn()
    assert not client.was_sent(own.log.head)
    server.until(lambda: typed)  # the emulator has got there
    assert typed == [b"\x1b[1;5R"]


def test_a_connection_that_is_gone_keeps_its_descriptor_until_it_is_dropped(link: Link) -> None:
    """The next connection got the descriptor, and the loop took it for the old one."""
    link.other.close()
    link.connection.queue(b"lost")
    assert link.connection.flush()
    assert link.connection.closing
    assert link.socket.fileno() == link.connection.descriptor
    link.connection.queue(b"more")
    assert not link.connection.unsent
    link.connection.drop()
    link.connection.drop()
    assert link.socket.fileno() == -1


def test_a_connection_that_gets_the_number_of_a_terminal_closed_in_the_same_turn_is_served(
    serve: Callable[[Session], Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number was no longer watched, so a peer that came as the program ended had no answer."""
    master, slave = os.openpty()
    server = serve(Session(daemon_facts(), (80, 24, 0, 0), Pty(master, slave, os.getpid())))
    server.turn()
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(server.listener.socket.getsockname())
    server._poll.watch(server._wakeup, READ)
    os.write(server._waker, b"\0")
    monkeypatch.setattr(server, "_take_signals", server.session.pump.close)
    server.until(lambda: server.connections)
    assert [*server.connections] == [master]
    peer.sendall(hello_frame("request"))
    peer.setblocking(False)
    for _ in range(3):
        server.turn()
    (connection,) = server.connections.values()
    assert connection.role == Role.KNOWN
    peer.close()
    server.drop(connection)


def test_a_key_that_is_held_is_acknowledged_meanwhile(
    server: Daemon, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key put the ACK off, so guesses stopped at their bound."""
    monkeypatch.setattr("sesh.daemon.clients.acks.ACK_AFTER", 0.0)
    client, acks = link.attached(), server.session.acks
    acks.send_model(client)
    now = time.monotonic()
    for _ in range(40):
        client.last_input += 1
        now += ECHO_TIME / 10
        acks.owe(client, 1, now)
        if acks.due <= now:
            acks.act(now)
    link.connection.flush()
    kinds = [kind for kind, _ in link.take()]
    assert kinds[-2:] == [protocol.ECHOED, protocol.ACK]
