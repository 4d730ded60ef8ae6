"""The attached clients together: who leads, and whose terminal is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sesh import protocol
from sesh.daemon.clients.client import LAG, Aside, Client, Clients, Drawn, Live
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
        self.clients.resized.add(FaultLog(), self.sizes.append)
        self.links: list[Link] = []
        self.log = OutputLog()

    def add(self, columns: int = 80, rows: int = 24, **hello: Any) -> Client:
        self.links.append(Link(buffer=4 << 10))
        client = self.links[-1].attached(self.clients.last_number + 1, columns=columns, rows=rows, **hello)
        self.clients.add(client)
        if client.size[:2] == self.clients.size[:2]:  # its first screen has been shown
            client.state = Live()
        else:
            client.state = Drawn(Viewport(*client.size[:2]), TerminalState())
        return client

    def leader(self) -> Client | None:
        return self.clients.leader

    def print(self, size: int) -> None:
        """The program writes; every client is fed as far as its socket takes it."""
        self.log.append(bytes(size))
        for client in self.clients.all:
            client.connection.feed(self.log)


@pytest.fixture
def group() -> Iterator[Group]:
    own = Group()
    yield own
    for link in own.links:
        link.close()


def test_when_the_leader_leaves_the_next_most_recent_one_rules(group: Group) -> None:
    one, two, three = group.add(100, 30), group.add(90, 20), group.add(70, 10)
    group.clients.typed(one)
    group.clients.remove(one)
    assert group.leader() is three
    assert group.clients.size[:2] == (70, 10)
    group.clients.remove(three)
    assert group.clients.size[:2] == (90, 20)
    group.clients.remove(two)
    assert (group.leader(), group.clients.size[:2]) == (None, (90, 20))


def test_the_last_active_terminal_that_reads_is_asked(group: Group) -> None:
    one, two = group.add(), group.add()
    assert group.clients.answering(group.log) is two
    group.clients.typed(one)
    assert group.clients.answering(group.log) is one
    one.state = Aside()  # its next bytes will be a screen, which has no query
    assert group.clients.answering(group.log) is two
    group.print(2 * LAG)
    assert group.clients.answering(group.log) is None


def test_neither_a_watcher_nor_a_drawn_client_is_asked(group: Group) -> None:
    group.add(read_only=True)
    assert group.clients.answering(group.log) is None
    small = group.add(70, 10)
    assert group.clients.answering(group.log) is small
    group.add(80, 24, read_only=True)
    small.state = Aside()
    big = group.add(80, 24)
    assert group.clients.answering(group.log) is big
    big.state = Aside()
    assert group.clients.answering(group.log) is None


def test_a_terminal_gets_all_its_scrollback_although_another_one_changes_the_size_meanwhile() -> None:
    """It had the lines of the parts that were sent before, and then a hole."""
    own, links, terminal = Session(daemon_facts(), (80, 24, 0, 0), None), [Link(), Link()], Emulator(80, 24)
    own.pump.add(b"".join(b"line %d\r\n" % number for number in range(3000)))
    while own.model.lag:
        own.model.catch_up()
    client = links[0].attached(lines=3000)
    own.clients.add(client)

    def turn() -> None:
        own.loop.turn()
        for kind, payload in links[0].take():
            assert kind == protocol.SCREEN
            terminal.feed(protocol.split_number(payload)[1])

    own.relay.settle()
    while not terminal.scrolled:
        turn()
    assert client.state.mode == "aside"
    own.clients.add(links[1].attached(2, columns=100, rows=30))
    while client.state.mode != "drawn":
        turn()
    own.clients.typed(client)
    while client.state.mode != "raw":
        turn()
    assert terminal.last_lines(3000) == own.model.emulator.last_lines(3000)
    for link in links:
        link.close()
