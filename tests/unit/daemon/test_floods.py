"""A sequence that a program prints ten thousand times in one block has bounded effects."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice

import pytest

from sesh.daemon.activity.notifications import Notifications
from sesh.daemon.frames.query_router import MAX_UNREAD
from sesh.daemon.pty.pty import READ_LIMIT, Pty
from sesh.daemon.session import Session
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Daemon


class Printer(Pty):
    """A terminal whose program prints what a test says, and reads nothing."""

    printed = b""

    def read(self, limit: int = READ_LIMIT) -> tuple[bytes, bool]:
        block = self.printed
        self.printed = b""
        return block, True

    def write(self, _data: bytearray) -> int:
        return 0


@pytest.fixture
def printer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Printer]:
    monkeypatch.setattr(Notifications, "start", lambda *_: None)
    master, slave = os.openpty()
    yield Printer(master, slave, os.getpid())
    os.close(master)
    os.close(slave)


Prints = Callable[..., Daemon]


@pytest.fixture
def prints(printer: Printer, serve: Callable[[Session], Daemon]) -> Prints:
    """Return what makes a daemon whose program has printed some words many times."""

    def served(*words: bytes) -> Daemon:
        daemon = serve(Session(daemon_facts(), (80, 24, 0, 0), printer))
        count = READ_LIMIT * len(words) // len(b"".join(words))
        printer.printed = b"".join(islice(cycle(words), count))
        daemon.session.pump.allowed = READ_LIMIT
        daemon.session.read_output()
        daemon.turn()
        return daemon

    return served


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ([b"\x07"], 20),
        ([b"\x1b]9;%d\x07" % number for number in range(9000)], 20),
        ([b"\x1b]99;;%d\x07" % number for number in range(9000)], 20),
        ([b"\x1b]2;%d\x07" % number for number in range(9000)], 2),
        ([b"\x1b]9;4;1\x07", b"\x1b]9;4;2\x07"], 2),
        ([b"\x1b]7501;state=working\x07", b"\x1b]7501;state=blocked\x07"], 300),
        ([b"\x1b]7501;state=blocked\x07", b"\x1bc"], 300),
        ([b"\x1b]133;C\x07", b"\x1b]133;D\x07"], 110),
    ],
)
def test_a_flood_makes_few_events(prints: Prints, words: list[bytes], most: int) -> None:
    """11,000 notifications in one block kept the loop busy for 0.7 s."""
    assert 1 < prints(*words).session.events.last <= most


def test_answers_that_the_program_does_not_read_are_bounded(prints: Prints) -> None:
    daemon = prints(b"\x1b[c")
    daemon.until(lambda: daemon.session.queries.due > time.monotonic())
    assert 0 < len(daemon.session.pump.unwritten) < MAX_UNREAD + 100
