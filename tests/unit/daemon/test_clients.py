"""A client whose replay comes in parts gets all of it, whatever happens between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sesh import protocol
from sesh.daemon.clients.client import Attaching, ClientState, Live, Viewing
from sesh.daemon.handler import ClientHandler
from sesh.daemon.session import Session
from sesh.vt.emulator import Emulator
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link


class Replay:
    """A client of a session with 3,000 lines, in the middle of its replay."""

    def __init__(self) -> None:
        self.session = Session(daemon_facts(), (80, 24, 0, 0), None)
        self.session.pump.append_output(b"".join(b"line %d\r\n" % number for number in range(3000)))
        while self.session.model.lag:
            self.session.model.catch_up()
        self.link = Link()
        self.other = Link()
        self.terminal = Emulator(80, 24)
        self.client = self.link.attached(lines=3000)
        self.session.clients.add(self.client)
        self.session.relay.send_due_soon()
        while not self.terminal.scrolled:
            self.turn()
        assert isinstance(self.client.state, Attaching)

    def turn(self, *, shown: bool = True) -> None:
        self.session.loop.turn()
        for _, payload in self.link.take():
            if shown:
                self.terminal.feed(protocol.split_number(payload)[1])

    def until(self, state: type[ClientState]) -> None:
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
    replay.session.clients.note_key(replay.client)
    replay.until(Live)
    assert replay.terminal.last_lines(3000) == replay.session.model.emulator.last_lines(3000)


def test_a_client_that_ignores_parts_of_its_replay_gets_it_again(replay: Replay) -> None:
    """The parts before the answer were missing after a silent link or a stopped client."""
    replay.turn(shown=False)
    ClientHandler(replay.session).handle_frame(replay.client, protocol.REDRAW, bytes(8))
    replay.until(Live)
    assert replay.terminal.last_lines(3000) == replay.session.model.emulator.last_lines(3000)
