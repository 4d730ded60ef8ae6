"""A daemon in this process, without a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.pty import Pty
from sesh.daemon.reload import steps
from sesh.daemon.session import Session
from sesh.wire import protocol
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import ALL, Attach, Daemon, Link, Peer


@pytest.fixture
def serve(sessions: Path) -> Iterator[Callable[[Session], Daemon]]:
    """Yield what makes the daemon of a session."""
    listeners: list[Listener] = []

    def serves(session: Session) -> Daemon:
        listeners.append(Listener.claim(session.name))
        return Daemon(session, listeners[-1], None, steps)

    yield serves
    for listener in listeners:
        listener.release()


@pytest.fixture
def server(serve: Callable[[Session], Daemon]) -> Daemon:
    """The daemon of a session of 80 x 24."""
    return serve(Session(daemon_facts(), (80, 24, 0, 0), Pty()))


@pytest.fixture
def link(server: Daemon) -> Iterator[Link]:
    """A connection to the daemon, which has sent nothing yet."""
    own = Link(server)
    yield own
    own.close()


@pytest.fixture
def attach(server: Daemon) -> Iterator[Attach]:
    """Yield what attaches a client whose desktop can do all, unless `desktop` says otherwise."""
    opened: list[Peer] = []

    def attaches(*, desktop: dict[str, Any] | None = ALL, **hello: Any) -> Peer:
        peer = Peer(server)
        opened.append(peer)
        words = {"protocol": protocol.PROTOCOL, "role": "attach", "columns": 80, "rows": 24, "acknowledges": True}
        server.session.attached.handle_hello(peer.link.connection, words | hello)
        server.until(lambda: any(kind == protocol.SCREEN for kind, _ in peer.take()))
        if desktop is not None:
            peer.send(protocol.message(protocol.DESKTOP, desktop))
            server.until(lambda: server.session.desk.desktop_of(peer.client))
        return peer

    yield attaches
    for peer in opened:
        peer.link.close()


@pytest.fixture
def caller(server: Daemon) -> Iterator[Peer]:
    peer = Peer(server)
    server.session.attached.handle_hello(peer.link.connection, {"protocol": protocol.PROTOCOL, "role": "request"})
    yield peer
    peer.link.close()
