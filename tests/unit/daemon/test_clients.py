"""The attached clients together: who leads, and whose terminal is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sesh import protocol
from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.clients.states import Attaching, Live, Repainting, State, Viewing
from sesh.daemon.handler import ClientHandler
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import TerminalState
from sesh.daemon.session import Session
from sesh.log import FaultLog
from sesh.vt.emulator import Emulator
from sesh.vt.render.viewport import Viewport
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link

if TYPE_CHECKING:
    from sesh.measures import Size


class Group:
    """Clients of a session of 80x24, and the sizes that it was given."""

    def __init__(self) -> None:
        self.sizes: list[Size] = []
        self.clients = Clients((80, 24, 0, 0))
        self.clients.on_resize.connect(FaultLog(), self.sizes.append)
        self.links: list[Link] = []
        self.log = OutputLog()

    def add(self, columns: int = 80, rows: int = 24, **hello: Any) -> Client:
        self.links.append(Link(buffer=4 << 10))
        client = self.links[-1].attached(self.clients.last_number + 1, columns=columns, rows=rows, **hello)
        self.clients.add(client)
        if client.size[:2] == self.clients.size[:2]:  # its first screen has been shown
            client.position, client.state = self.log.head, Live()
        else:
            client.state = Viewing(Viewport(*client.size[:2]), TerminalState())
        return client

    def leader(self) -> Client | None:
        return self.clients.leader

    def print(self, size: int) -> None:
        """The program writes; every client is fed as far as its socket takes it."""
        self.log.append(bytes(size))
        for client in self.clients.all:
            client.connection.send_output(self.log)


@pytest.fixture
def group() -> Iterator[Group]:
    own = Group()
    yield own
    for link in own.links:
        link.close()


def test_the_last_active_terminal_that_reads_is_asked(group: Group) -> None:
    one, two = group.add(), group.add()
    assert group.clients.replying(group.log) is two
    group.clients.lead(one)
    assert group.clients.replying(group.log) is one
    one.state = Repainting()  # its next bytes will be a screen, which has no query
    assert group.clients.replying(group.log) is two
    group.print(1 << 20)
    assert group.clients.replying(group.log) is None


def test_neither_a_watcher_nor_a_drawn_client_is_asked(group: Group) -> None:
    group.add(read_only=True)
    assert group.clients.replying(group.log) is None
    small = group.add(70, 10)
    assert group.clients.replying(group.log) is small
    group.add(80, 24, read_only=True)
    small.state = Repainting()
    big = group.add(80, 24)
    assert group.clients.replying(group.log) is big
    big.state = Repainting()
    assert group.clients.replying(group.log) is None


class Replay:
    """A client of a session with 3,000 lines, in the middle of its replay."""

    def __init__(self) -> None:
        self.session = Session(daemon_facts(), (80, 24, 0, 0), None)
        self.session.pump.add(b"".join(b"line %d\r\n" % number for number in range(3000)))
        while self.session.model.lag:
            self.session.model.catch_up()
        self.link = Link()
        self.other = Link()
        self.terminal = Emulator(80, 24)
        self.client = self.link.attached(lines=3000)
        self.session.clients.add(self.client)
        self.session.relay.settle()
        while not self.terminal.scrolled:
            self.turn()
        assert isinstance(self.client.state, Attaching)

    def turn(self, *, shown: bool = True) -> None:
        self.session.loop.turn()
        for _, payload in self.link.take():
            if shown:
                self.terminal.feed(protocol.split_number(payload)[1])

    def until(self, state: type[State]) -> None:
        while not isinstance(self.client.state, state):
            self.turn()


@pytest.fixture
def replay() -> Iterator[Replay]:
    own = Replay()
    yield own
    own.link.close()
    own.other.close()


def test_a_terminal_gets_all_its_scrollback_although_another_one_changes_the_size_meanwhile(replay: Replay) -> None:
    """It had the lines of the parts that were sent before, and then a hole."""
    replay.session.clients.add(replay.other.attached(2, columns=100, rows=30))
    replay.until(Viewing)
    replay.session.clients.lead(replay.client)
    replay.until(Live)
    assert replay.terminal.last_lines(3000) == replay.session.model.emulator.last_lines(3000)


def test_a_client_that_ignores_parts_of_its_replay_gets_it_again(replay: Replay) -> None:
    """The parts before the answer were missing after a silent link or a stopped client."""
    replay.turn(shown=False)
    ClientHandler(replay.session).frame(replay.client, protocol.REDRAW, bytes(8))
    replay.until(Live)
    assert replay.terminal.last_lines(3000) == replay.session.model.emulator.last_lines(3000)
