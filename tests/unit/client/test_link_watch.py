"""A link that is doubted, as the client's loop sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from sesh import wire
from sesh.client import link_watch
from sesh.client.channel import Channel
from sesh.client.display import Display
from sesh.client.link_watch import LinkWatch
from sesh.client.overlays import Overlays
from sesh.client.round_trip import RoundTrip
from sesh.errors import Unreachable
from sesh.link import health
from sesh.link.race import Attempt, LostSession
from sesh.link.reopen import Reopen
from sesh.loop.timers import Timers


class Terminal:
    """A terminal that takes all."""

    def write(self, data: bytes) -> int:
        return len(data)

    def grid(self) -> tuple[int, int]:
        return 80, 24


class Watched:
    """A link of which nothing comes, and the terminal that shows its session."""

    def __init__(self) -> None:
        self.display = Display(Terminal())  # type: ignore[arg-type]  # what of it is called
        self.display.on_link = True
        self.connection = wire.Connection(*os.pipe())
        self.connection.welcome = {"id": "abc"}
        channel = Channel(self.connection, RoundTrip(), on_link=True)
        session = LostSession("work", "box", "abc", 0, time.time())
        self.watch = LinkWatch(self.display, "box", "Ctrl-\\ leaves", _reconnect, lambda: session)
        self.watch.begin(channel, Overlays(self.display, channel, Timers(), None, lambda *_: None))

    def turns_until_lost(self) -> int:
        turns = 0
        while not self.watch.look_after(()):
            turns += 1
            left = self.watch.wait_time(None)
            wire.polled([], time.monotonic() + (left or 0.0))
        return turns


def _unreachable(_: Attempt) -> wire.Connection:
    raise Unreachable("no")


def _reconnect(_: str, ask: Callable[[], object], session: Callable[[], LostSession]) -> Reopen:
    return Reopen(_unreachable, ask, session)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    for name, seconds in {"QUIET": 0.01, "PATIENCE": 0.01, "LOST_AFTER": 0.5}.items():
        monkeypatch.setattr(health, name, seconds)
    monkeypatch.setattr(link_watch, "TELL_AFTER", 0.01)
    made = Watched()
    with made.connection:
        yield made
        made.watch.close()


@pytest.mark.parametrize("output", [b"\x1b]0;a title", "caf\u00e9".encode()[:-1]])
def test_output_that_breaks_off_within_a_sequence_or_character_keeps_no_processor_busy(
    watched: Watched, output: bytes
) -> None:
    """The line that was due and could not be drawn had the client turn without end."""
    watched.display.show(output)
    assert watched.turns_until_lost() < 20
    assert watched.display.covered
