"""A connection sends frames, however few bytes the peer reads at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import FunctionType

import pytest

from sesh.daemon.activity.activity import Activity
from sesh.daemon.clients.client import Live
from sesh.daemon.clients.connection import Reader
from sesh.daemon.clients.echoes import ECHO_TIME
from sesh.daemon.findings import Findings
from sesh.daemon.pty.pty import Pty
from sesh.daemon.replier import Replier
from sesh.daemon.session import Session
from sesh.daemon.shell.marks import MarkFilter
from sesh.wire import protocol
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link


@pytest.fixture
def link() -> Iterator[Link]:
    opened = Link(buffer=16 << 10)
    yield opened
    opened.close()


@pytest.mark.parametrize("part", [MarkFilter.split, Replier.handle, Activity.wake, Findings.handle])
def test_output_is_sent_although_a_part_that_looks_at_it_fails(
    link: Link, monkeypatch: pytest.MonkeyPatch, part: FunctionType
) -> None:
    """It stayed in the log until more output came, or was lost."""
    monkeypatch.setattr(f"{part.__module__}.{part.__qualname__}", lambda *_: next(iter(())))
    own = Session(daemon_facts(), (80, 24, 0, 0), Pty())
    link.connection.reader = Reader(link.connection, 0)
    own.relay.followers[link.connection] = link.connection.reader
    own.pump.filter = own.runs.filter  # as once a run was typed
    own.pump.append_output(b"\x07\x1b[c")
    assert link.output() == [(0, b"\x07\x1b[c")]
    assert "StopIteration" in own.faults.kept[-1]


def test_a_query_that_a_client_was_not_sent_yet_is_answered_by_the_daemon(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client got a screen instead, without the query, and the program waited for ever."""
    own = Session(daemon_facts(), (80, 24, 0, 0), Pty())
    client = link.attached()
    own.clients.add(client)
    client.position, client.state = 0, Live()
    typed: list[bytes] = []
    monkeypatch.setattr(own.pump, "type", lambda data, **_: typed.append(data))
    own.pump.append_output(b"seen\x1b[c")
    own.loop.timers.run()
    assert typed == [], "the client answers"
    own.pump.append_output(bytes(256 << 10) + b"\x1b[6n")
    assert 0 < client.position < own.pump.log.head
    while not typed:  # until the emulator has got there
        own.loop.timers.run()
    assert typed == [b"\x1b[1;5R"]


def test_a_connection_that_is_gone_keeps_its_descriptor_until_it_is_dropped(link: Link) -> None:
    """The next connection got the descriptor, and the loop took it for the old one."""
    link.other.close()
    link.connection.queue(b"lost")
    assert link.connection.flush()
    assert link.connection.closed
    assert link.socket.fileno() == link.connection.descriptor
    link.connection.queue(b"more")
    assert not link.connection.unsent
    link.connection.drop()
    link.connection.drop()
    assert link.socket.fileno() == -1


def test_a_key_that_is_held_is_acknowledged_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key put the ACK off, so guesses stopped at their bound."""
    monkeypatch.setattr("sesh.daemon.clients.echoes.ACK_AFTER", 0.0)
    own, link = Session(daemon_facts(), (80, 24, 0, 0), Pty()), Link()
    client = link.attached()
    own.relay.echoes.send_model(client)
    until = time.monotonic() + 4 * ECHO_TIME
    while time.monotonic() < until:
        client.last_input += 1
        own.relay.echoes.note_input(client, 1)
        own.loop.timers.run()
        time.sleep(ECHO_TIME / 10)
    link.connection.flush()
    kinds = [kind for kind, _ in link.take()]
    assert kinds[-2:] == [protocol.ECHOED, protocol.ACK]
    link.close()
