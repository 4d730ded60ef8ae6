"""A client that comes back after a break gets what its terminal lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sesh.daemon.base.phase import Phase
from sesh.daemon.clients.client import Client, Output
from sesh.daemon.clients.connection import PeerRequest
from sesh.daemon.watching.waits import Wait
from sesh.wire import protocol
from tests.unit.daemon.connections import Daemon, Link, prints


class Terminal:
    """A terminal whose links to one daemon break."""

    def __init__(self, server: Daemon, **hello: Any) -> None:
        self.server = server
        self.hello = {"protocol": protocol.PROTOCOL, "role": "attach", "client": "token", "columns": 80, "rows": 24}
        self.hello |= hello
        self.link = self._connect()

    def _connect(self, **more: Any) -> Link:
        link = Link(self.server)
        self.server.session.attached.handle_hello(link.connection, {**self.hello, **more})
        return link

    @property
    def client(self) -> Client:
        return self.server.session.clients.all[-1]

    @property
    def output(self) -> Output:
        return self.client.output(self.server.session.clients.size)

    def until(self, output: Output) -> None:
        """Take turns until the terminal gets the session in this way, and was sent all output."""
        head = self.server.session.log.head
        self.server.until(lambda: self.output is output and self.client.was_sent(head))

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
def server(server: Daemon) -> Daemon:
    prints(server.session, b"".join(b"line %d\r\n" % number for number in range(200)))
    server.session.feed.catch_up(10)
    return server


@pytest.fixture
def attach(server: Daemon) -> Iterator[Attach]:
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
        terminal.until(Output.LIVE)  # the link broke with the screen in its buffers
    terminal.comes_back(None)
    terminal.until(Output.LIVE)
    frames = terminal.link.take()
    screen = b"".join(payload for kind, payload in frames if kind == protocol.SCREEN)
    assert protocol.OUTPUT not in {kind for kind, _ in frames}
    assert b"line 170" in screen
    assert b"line 150" not in screen, "more lines than the client wants"


def test_one_whose_first_screen_had_not_come_still_gets_only_the_lines_after_an_earlier_attachment(
    server: Daemon, attach: Attach
) -> None:
    seen = server.session.pump.log.head
    server.session.log.hold(seen)
    server.session.feed.note_state()
    prints(server.session, b"".join(b"later %d\r\n" % number for number in range(50)))
    terminal = attach(seen={server.session.facts.id: seen})
    terminal.comes_back(None)
    terminal.until(Output.LIVE)
    (screen,) = [payload for kind, payload in terminal.link.take() if kind == protocol.SCREEN]
    assert b"later 1\r" in screen
    assert b"line 150" not in screen


def test_one_that_left_within_a_frame_gets_each_later_line_once(server: Daemon, attach: Attach) -> None:
    """Its terminal stood still: it lacked lines that it had, or got them twice."""
    seen = server.session.pump.log.head
    server.session.log.hold(seen)
    server.session.feed.note_state()
    prints(server.session, b"".join(b"later %02d\r\n" % number for number in range(100)))
    server.session.feed.catch_up(10)
    server.session.log.hold(server.session.log.head)
    server.session.feed.note_state()
    size = 30 * len(b"later 00\r\n") + len(b"lat")
    session = server.session.facts.id
    terminal = attach(seen={session: seen + size}, begun={session: [size, 30]})
    terminal.until(Output.LIVE)
    (screen,) = [payload for kind, payload in terminal.link.take() if kind == protocol.SCREEN]
    assert b"later 29" not in screen
    assert all(b"later %d" % number in screen for number in range(30, 100))


def test_one_that_shows_a_viewport_gets_no_bytes_after_two_breaks_either(server: Daemon, attach: Attach) -> None:
    """After the second break, output was written into a terminal that still showed the viewport."""
    terminal = attach(columns=100, rows=30, read_only=True)
    terminal.until(Output.VIEWPORT)
    position = server.session.pump.log.head
    terminal.comes_back(position)
    server.session.clients.size = (100, 30, 0, 0)
    terminal.comes_back(position)
    assert terminal.output is Output.DUE


def test_a_terminal_that_waits_gets_its_response_before_the_end(server: Daemon, attach: Attach) -> None:
    terminal = attach()
    terminal.until(Output.LIVE)
    connection = terminal.link.connection
    server.session.waits.add(Wait(PeerRequest(connection, 1, b"", "wait", None)))
    server.session.life.phase = Phase.KEPT
    terminal.link.take()
    server.ending.respond()
    assert [kind for kind, _ in terminal.link.take()] == [protocol.RESPONSE, protocol.EXIT]
