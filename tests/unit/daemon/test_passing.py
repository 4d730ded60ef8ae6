"""One person's keys and their echoes are passed on while the loop waits; whatever is more than that, by a turn."""

from __future__ import annotations

import os
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest

from sesh import protocol
from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.pty import Pty
from sesh.daemon.screen.model import LITTLE
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.upgrade.reload import begin
from tests.support.data import daemon_facts
from tests.support.waiting import wait_until
from tests.unit.daemon.connections import Link

KEYS = 50
CALLS = 30
"""Functions that a key and its echo may take; a whole turn takes more than twice as many."""


class Person:
    """An attached client in a thread of its own, which types and waits for each echo."""

    def __init__(self, number: int) -> None:
        self.link = Link()
        self.link.other.settimeout(10)
        self.client = self.link.attached(number=number)
        self.shown = b""

    def type(self, keys: bytes) -> None:
        """Types keys one by one, and then has the daemon answer something else."""
        for number, key in enumerate(keys, 1):
            self.link.other.sendall(protocol.numbered(protocol.INPUT, number, bytes((key,))))
            self.see(number)
        self.link.other.sendall(protocol.frame(protocol.PING, b"end"))

    def see(self, count: int) -> None:
        """Takes output until it is so much, or until the daemon hangs up."""
        while len(self.shown) < count:
            frames = self.link.decoder.feed(self.link.other.recv(1 << 16))
            if not frames:
                return
            parts = [protocol.split_number(payload)[1] for kind, payload in frames if kind == protocol.OUTPUT]
            self.shown += b"".join(parts)


class Host:
    """A daemon on a terminal that echoes, with attached clients."""

    def __init__(self) -> None:
        master, self.program = os.openpty()
        os.set_blocking(master, False)
        modes = termios.tcgetattr(self.program)
        modes[3] = (modes[3] | termios.ECHO) & ~(termios.ICANON | termios.ECHOCTL)
        termios.tcsetattr(self.program, termios.TCSANOW, modes)
        state = {"descriptor": master, "slave": -1, "pid": os.getpid(), "path": "", "device": 0}
        self.pty = Pty(cast("Any", state))
        self.session = Session(daemon_facts(pid=os.getpid()), (80, 24, 0, 0), self.pty)
        self.server = Server(self.session, Listener.claim("work"), None, begin)
        self.people: list[Person] = []
        self.turns = 0

    def attach(self) -> Person:
        """Attaches a client that is fed from here on."""
        person = Person(len(self.people) + 1)
        self.people.append(person)
        self.server.admit(person.link.connection)
        self.session.timers.clear(("hello", person.link.connection.descriptor))
        person.link.connection.role = "attach"
        self.session.clients.add(person.client)
        person.client.needs, person.client.position = "", self.session.log.head
        return person

    def serve(self, work: Callable[[], None]) -> None:
        """Takes turns while something else goes on in a thread, and some more until all frames are answered."""
        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            self.server.turn()
            self.turns += 1
        thread.join()

    def close(self) -> None:
        for connection in list(self.server.connections.values()):
            self.server.drop(connection)
        for person in self.people:
            person.link.close()
        self.pty.close()
        os.close(self.program)
        self.server.listener.socket.close()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("SESH_DIR", str(folder))
    host = Host()
    yield host
    host.close()


def test_a_key_and_its_echo_take_few_calls_and_no_turn(host: Host) -> None:
    person, calls = host.attach(), 0

    def count(_frame: FrameType, event: str, _value: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        host.serve(lambda: person.type(b"k" * KEYS))
    finally:
        sys.setprofile(before)
    assert person.shown == b"k" * KEYS
    assert host.session.log.bytes(0) == b"k" * KEYS
    assert calls / KEYS <= CALLS
    assert host.turns < KEYS


def test_a_frame_that_is_drawn_takes_few_calls_and_wakes_no_emulator(host: Host) -> None:
    """A spinner's frames went to the emulator every 4 KiB, each time by two more turns."""
    person, calls, turns = host.attach(), 0, 0
    assert host.session.model.emulator is not None
    drawn = b"\x1b[2K\x1b[1A\x1b[38;5;200mwords\x1b[39m" * 8
    assert host.session.pump.scanner.find(drawn) == []  # its patterns are compiled
    host.session.timers.set("activity", 60.0, lambda: None)  # a look would feed the emulator

    def count(frame: FrameType, event: str, _value: object) -> None:
        nonlocal calls
        calls += event == "call" and len(person.shown) < KEYS * len(drawn)

    def work() -> None:
        nonlocal turns
        for number in range(1, KEYS + 1):
            os.write(host.program, drawn)
            person.see(number * len(drawn))
        turns = host.turns
        person.link.other.sendall(protocol.frame(protocol.PING, b"end"))

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        host.serve(work)
    finally:
        sys.setprofile(before)
    assert person.shown == drawn * KEYS
    assert calls / KEYS <= CALLS
    assert turns < KEYS / 2


def test_two_clients_both_see_what_one_types(host: Host) -> None:
    typing, watching = host.attach(), host.attach()
    host.serve(lambda: typing.type(b"k" * KEYS))
    assert typing.shown == b"k" * KEYS
    watching.see(KEYS)
    assert watching.shown == typing.shown


def test_what_is_more_than_output_is_handled_as_ever(host: Host) -> None:
    """A title is noted, in its place between keys."""
    person = host.attach()

    def work() -> None:
        person.type(b"ab")
        os.write(host.program, b"\x1b]2;news\x07c")
        person.see(len(b"ab\x1b]2;news\x07c"))
        person.link.other.sendall(protocol.frame(protocol.PING, b"end"))

    host.serve(work)
    assert person.shown == b"ab\x1b]2;news\x07c"
    assert host.session.title == "news"


def test_the_loop_sleeps_while_the_emulator_waits_for_a_lull(host: Host) -> None:
    """Behind much output each turn ended at once until then."""
    person = host.attach()
    model = host.session.model
    assert model.emulator is not None

    def work() -> None:
        os.write(host.program, b"x" * 3 * LITTLE)
        person.see(3 * LITTLE)
        wait_until(lambda: model.lag == 0)
        person.link.other.sendall(protocol.frame(protocol.PING, b"end"))

    host.serve(work)
    assert person.shown == b"x" * 3 * LITTLE
    assert host.turns < KEYS


def test_a_key_that_cannot_be_handled_costs_its_connection_alone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    person = host.attach()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patched:
        patched.setattr(host.session.activity, "typed", broken)
        host.serve(lambda: person.see(1 if person.link.other.send(protocol.numbered(protocol.INPUT, 1, b"k")) else 0))
    assert person.link.connection.closed
    assert len(host.session.clients) == 0
    other = host.attach()
    host.serve(lambda: other.type(b"go on"))
    assert b"go o" in other.shown  # the echo of the first key may come before it
