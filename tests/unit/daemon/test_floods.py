"""What a program says ten thousand times in one block has bounded effects, and what it says last counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from sesh import reading
from sesh.daemon.activity.hooks import BURST
from sesh.daemon.pty.pty import TURN, Pty
from sesh.daemon.session import Session
from sesh.schema import Event
from tests.support.data import daemon_facts
from tests.unit.daemon.sessions import session


class Printer(Pty):
    """A terminal whose program prints what a test says, and reads nothing."""

    printed = b""

    def read(self, _most: int = TURN) -> tuple[bytes, bool]:
        block, self.printed = self.printed, b""
        return block, True

    def write(self, _data: bytes | memoryview) -> int:
        return 0


@pytest.fixture
def printer() -> Iterator[Printer]:
    master, slave = os.openpty()
    yield Printer({"descriptor": master, "slave": slave, "pid": os.getpid(), "path": "", "device": 0})
    os.close(master)
    os.close(slave)


def printed(printer: Printer, *words: bytes) -> Session:
    """A session whose program has printed these words again and again, 64 KiB of them at once."""
    own = Session(daemon_facts(), (80, 24, 0, 0), printer)
    count = TURN * len(words) // len(b"".join(words))
    printer.printed = b"".join(islice(cycle(words), count))
    own.pump.take()
    return own


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ([b"\x07"], 200),
        ([b"\x1b]9;%d\x07" % number for number in range(9000)], 300),
        ([b"\x1b]99;;%d\x07" % number for number in range(9000)], 300),
        ([b"\x1b]2;%d\x07" % number for number in range(9000)], 2),
        ([b"\x1b]9;4;1\x07", b"\x1b]9;4;2\x07"], 2),
        ([b"\x1b]7501;state=working\x07", b"\x1b]7501;state=blocked\x07"], 300),
        ([b"\x1b]7501;state=blocked\x07", b"\x1bc"], 300),
        ([b"\x1b]133;C\x07", b"\x1b]133;D\x07"], 1100),
    ],
)
def test_a_flood_makes_few_events(printer: Printer, words: list[bytes], most: int) -> None:
    """11,000 notifications in one block kept the loop busy for 0.7 s."""
    assert 1 < printed(printer, *words).events.last <= most


def test_what_a_flood_says_last_counts(printer: Printer) -> None:
    own = printed(printer, *(b"\x1b]2;%d\x07\x1b]9;4;2\x07\x1b]9;4;1\x07" % number for number in range(9000)))
    printed_last = own.log.bytes(0).rpartition(b"\x1b]2;")[2].partition(b"\x07")[0]
    assert own.title == printed_last.decode()
    assert own.activity.standing().state == "working"


def test_a_flood_of_queries_is_answered_a_few_at_a_time(printer: Printer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tried for 10 ms to have the emulator catch up."""
    monkeypatch.setattr("sesh.daemon.session.ANSWER_TIME", 0.0)
    own = printed(printer, b"\x1b[c")
    assert own.timers.is_set("answers")
    assert own.pump.input.size < 100


def test_no_settings_are_read_for_an_event_while_too_many_hooks_run(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "sesh").mkdir()
    (tmp_path / "sesh" / "config.toml").write_text('[hooks]\non_notification = "true"\n')
    read: list[str] = []
    whole = reading.read_regular

    def counted(path: str, most: int) -> bytes:
        read.append(path)
        return whole(path, most)

    monkeypatch.setattr(reading, "read_regular", counted)
    monkeypatch.setattr(os, "fork", lambda: 1 << 22)
    hooks = session().get_hooks()
    event: Event = {"event": "notification", "ts": "2026-11-22T05:00:00Z", "session": "work", "seq": 1, "text": "x"}
    for _ in range(50):
        hooks.run(event)
        hooks.running.clear()
    assert len(read) == BURST
