"""The end of a session: who is not told of it yet, since output still waits, and how long the daemon waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sesh import protocol
from sesh.daemon.clients.connection import ASIDE, RAW
from sesh.daemon.clients.listener import Listener
from sesh.daemon.clients.registry import STALLED
from sesh.daemon.server import Server
from sesh.daemon.upgrade.reload import begin
from tests.unit.daemon.connections import Link
from tests.unit.daemon.sessions import session


class Host:
    """A daemon without a loop, whose program has ended; its one client, on a link, has not been sent all output."""

    def __init__(self) -> None:
        self.session = session()
        self.server = Server(self.session, Listener.claim("work"), None, begin)
        self.handler, self.ending = self.server.handler, self.server.ending
        self.link = Link()
        self.server.admit(self.link.connection)
        self.client = self.link.attached(remote=True, got=True)
        self.session.clients.add(self.client)
        self.client.needs = ""
        self.session.log.append(b"first words")
        self.link.connection.feed(self.session.log)
        self.session.log.append(b", last words")
        self.ending.done = self.session.model.ended = True


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("SESH_DIR", str(folder))
    host = Host()
    yield host
    host.link.close()
    host.server.listener.close()


def stall(host: Host) -> None:
    """So long ago the client last took something."""
    host.link.connection.progress_at -= STALLED + 1


def test_one_that_is_set_aside_is_told_of_the_end_when_it_is_back_and_has_all(host: Host) -> None:
    host.session.clients.set_aside(host.client, ASIDE)
    assert not host.ending.due()
    host.handler.frame(host.client, protocol.GOT, (11).to_bytes(8, "big"))
    assert host.client.mode == RAW
    while host.session.relay.serve():
        pass
    assert host.ending.due()
    host.ending.tell()
    host.link.connection.flush()
    frames = host.link.take()
    assert b"last words" in b"".join(data for kind, data in frames if kind == protocol.SCREEN)
    assert frames[-1][0] == protocol.EXIT


@pytest.mark.parametrize("mode", [RAW, ASIDE])
def test_one_that_takes_nothing_is_given_up(host: Host, mode: str) -> None:
    host.client.mode = mode
    assert not host.ending.close_finished()
    stall(host)
    assert host.ending.close_finished()


def test_one_that_tells_that_more_has_come_is_waited_for_and_no_other(host: Host) -> None:
    """Its socket took all at once: what it tells is all that is known of its link."""
    stall(host)
    host.handler.frame(host.client, protocol.GOT, (5).to_bytes(8, "big"))
    host.client.mode = ASIDE
    assert not host.ending.close_finished()
    stall(host)
    host.handler.frame(host.client, protocol.GOT, (5).to_bytes(8, "big"))
    host.client.mode = ASIDE
    assert host.ending.close_finished()
