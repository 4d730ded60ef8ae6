"""A client that comes back after a break gets what its terminal lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sesh.daemon.base.phase import Phase
from sesh.daemon.clients.client import ClientState, Due, Live, Viewing
from sesh.daemon.clients.connection import PeerRequest
from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.pty import Pty
from sesh.daemon.reload import steps
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.watching.waits import Wait
from sesh.wire import protocol
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link


class Terminal:
    """A terminal whose links to one daemon break."""

    def __init__(self, server: Server, **hello: Any) -> None:
        self.server = server
        self.hello = {"protocol": protocol.PROTOCOL, "role": "attach", "client": "token", "columns": 80, "rows": 24}
        self.hello |= hello
        self.link = self._connect()

    def _connect(self, **more: Any) -> Link:
        link = Link()
        self.server.admit(link.connection)
        self.server.handler.handle_hello(link.connection, {**self.hello, **more})
        return link

    @property
    def state(self) -> ClientState:
        return self.server.session.clients.all[-1].state

    def until(self, state: type[ClientState]) -> None:
        while not isinstance(self.state, state):
            self.server.session.loop.turn()

    def leaves(self) -> None:
        self.server.drop(self.link.connection)
        self.link.close()

    def comes_back(self, position: int | None) -> None:
        """Reconnect; `position`: of what it has shown, None before its first screen."""
        self.leaves()
        shown = {} if position is None else {"id": self.server.session.facts.id, "position": position}
        self.link = self._connect(**shown)


Attach = Callable[..., Terminal]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    own = Server(Session(daemon_facts(), (80, 24, 0, 0), Pty()), Listener.claim("work"), None, steps)
    own.session.pump.append_output(b"".join(b"line %d\r\n" % number for number in range(200)))
    own.session.model.catch_up(10)
    yield own
    own.listener.socket.close()


@pytest.fixture
def attach(server: Server) -> Iterator[Attach]:
    """Yield what attaches a terminal."""
    opened: list[Terminal] = []

    def opens(**hello: Any) -> Terminal:
        opened.append(Terminal(server, **hello))
        return opened[-1]

    yield opens
    for terminal in opened:
        terminal.leaves()


@pytest.mark.parametrize("sent", [False, True])
def test_one_whose_first_screen_had_not_come_gets_a_screen_and_no_old_bytes(attach: Attach, sent: bool) -> None:
    """If the link broke right after WELCOME, the program's first bytes came raw."""
    terminal = attach(lines=10)
    if sent:
        terminal.until(Live)  # the link broke with the screen in its buffers
    terminal.comes_back(None)
    terminal.until(Live)
    frames = terminal.link.take()
    screen = b"".join(payload for kind, payload in frames if kind == protocol.SCREEN)
    assert protocol.OUTPUT not in {kind for kind, _ in frames}
    assert b"line 170" in screen
    assert b"line 150" not in screen, "more lines than the client wants"


def test_one_whose_first_screen_had_not_come_still_gets_only_the_lines_after_an_earlier_attachment(
    server: Server, attach: Attach
) -> None:
    seen = server.session.pump.log.head
    server.session.model.remember(seen)
    server.session.pump.append_output(b"".join(b"later %d\r\n" % number for number in range(50)))
    terminal = attach(seen={server.session.facts.id: seen})
    terminal.comes_back(None)
    terminal.until(Live)
    (screen,) = [payload for kind, payload in terminal.link.take() if kind == protocol.SCREEN]
    assert b"later 1\r" in screen
    assert b"line 150" not in screen


def test_one_that_shows_a_viewport_gets_no_bytes_after_two_breaks_either(server: Server, attach: Attach) -> None:
    """After the second break, output was written into a terminal that still showed the viewport."""
    terminal = attach(columns=100, rows=30, read_only=True)
    terminal.until(Viewing)
    position = server.session.pump.log.head
    terminal.comes_back(position)
    server.session.clients.size = (100, 30, 0, 0)
    terminal.comes_back(position)
    assert isinstance(terminal.state, Due)


def test_a_terminal_that_waits_gets_its_response_before_the_end(server: Server, attach: Attach) -> None:
    terminal = attach()
    terminal.until(Live)
    connection = terminal.link.connection
    server.session.waits.add(Wait(PeerRequest(connection, 1, b"", "wait", None)))
    server.session.life.become(Phase.KEPT)
    terminal.link.take()
    server.ending.respond()
    assert [kind for kind, _ in terminal.link.take()] == [protocol.RESPONSE, protocol.EXIT]
