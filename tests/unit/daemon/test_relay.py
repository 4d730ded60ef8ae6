"""What the relay sends where no client that is attached from outside can show it surely."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sesh import protocol
from sesh.daemon.clients.client import Clients
from sesh.daemon.clients.connection import STALLED, Reader
from sesh.daemon.clients.echoes import ECHO_TIME
from sesh.daemon.clients.relay import Relay
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model
from sesh.loop.loop import Loop
from tests.unit.daemon.connections import Link


class Stage:
    """A relay with its parts, and a client on a link that takes little."""

    def __init__(self) -> None:
        self.flags = protocol.ECHOES
        self.log, self.loop, self.link = OutputLog(), Loop(lambda *_: None), Link(buffer=4 << 10)
        self.model = Model(self.log, 80, 24)
        self.clients = Clients((80, 24, 0, 0), lambda size: self.model.resize(*size))
        self.relay = Relay(self.log, self.model, self.clients, self.loop, lambda: self.flags)

    def print(self, data: bytes) -> None:
        self.log.append(data)
        self.relay.deliver()


@pytest.fixture
def stage() -> Iterator[Stage]:
    own = Stage()
    yield own
    own.link.close()


@pytest.mark.parametrize(
    "acting",
    [
        b"\a", b"\x1b[c", b"\x1bc", b"\x1b]52;c;aGk=\a", b"\x1b]9;note\a", b"\x1b[?2026h", b"\x1b[2J", b"\x1b[3J",
        b"\x9b3J", b"\xc2\x9bc", b"\x1b[!p", b"x" * 500 + b"\a", b"\n" * 1100,
    ],
)  # fmt: skip
def test_output_that_acts_is_not_sent_again_to_one_who_comes_later(stage: Stage, acting: bytes) -> None:
    stage.print(b"ready> " + acting + b" done")
    client = stage.link.attached(1)
    stage.clients.add(client)
    stage.relay.serve()
    sent = b"".join(protocol.split_number(payload)[1] for _, payload in stage.link.take())
    assert acting not in sent.partition(b"ready>")[2]
    assert sent.count(b"\n") < 1100


def test_a_follower_that_stops_reading_is_not_waited_for_and_holds_no_memory(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = stage.link.connection.reader = Reader(stage.link.connection, 0)
    reader.limit = 1 << 20
    stage.relay.followers.append(reader)
    for _ in range(8):
        stage.print(bytes(256 << 10))
    stage.model.catch_up(10)
    now = reader.connection.progress_at = time.monotonic()  # drawing all this may have taken longer than STALLED
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert stage.relay.paused()
    monkeypatch.setattr(time, "monotonic", lambda: now + STALLED + 0.1)
    assert not stage.relay.paused()
    stage.print(b"skipped")
    stage.relay.trim()
    assert (reader.skipped > 0, stage.log.base > 0) == (True, True)


def test_one_that_predicts_is_told_that_nothing_echoes_before_it_gets_the_next_output(stage: Stage) -> None:
    client = stage.link.attached(1, remote=True)
    stage.clients.add(client)
    stage.relay.serve()
    stage.relay.echoes.model(client)
    stage.link.take()
    stage.flags = 0
    stage.print(b"Password: ")
    (first, told), (second, _) = stage.link.take()
    assert (first, second) == (protocol.ECHOED, protocol.OUTPUT)
    assert protocol.split_echoed(told)[2] == 0


def test_what_was_echoed_is_told_in_front_of_the_next_output(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a packet of its own it would cost a slow link as much as the key."""
    client = stage.link.attached(1, remote=True)
    stage.clients.add(client)
    stage.relay.serve()
    echoes = stage.relay.echoes
    echoes.model(client)
    stage.link.take()
    echoes.typed(client, 7)
    later = time.monotonic() + ECHO_TIME
    monkeypatch.setattr(time, "monotonic", lambda: later)
    stage.print(b"x")
    (first, told), (second, _) = stage.link.take()
    assert (first, second) == (protocol.ECHOED, protocol.OUTPUT)
    assert protocol.split_echoed(told)[0] == 7
