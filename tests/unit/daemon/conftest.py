"""A daemon in this process, without a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.pty import Pty
from sesh.daemon.reload import steps
from sesh.daemon.session import Session
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Daemon, Link


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
