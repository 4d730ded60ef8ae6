"""Events are numbered and bounded; followers read at their pace, and learn of losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sesh.daemon.clients import events as module
from sesh.daemon.clients.events import Events
from sesh.schema import codec
from sesh.wire import protocol
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link


@pytest.fixture
def link() -> Iterator[Link]:
    own = Link(buffer=4096)
    yield own
    own.close()


def received(events: Events, link: Link) -> list[dict[str, Any]]:
    """All that comes when the follower reads on."""
    found: list[dict[str, Any]] = []
    while True:
        events.send()
        link.connection.flush()
        frames = link.take()
        if not frames:
            return found
        found += [codec.parse(payload) for kind, payload in frames if kind == protocol.DATA]


def test_a_slow_follower_learns_what_it_missed_and_blocks_no_other(link: Link) -> None:
    events = Events(daemon_facts())
    events.follow(link.connection, None)
    for number in range(3 * module.KEPT):
        events.add("title", title=str(number) * 20)
        events.send()
        link.connection.flush()
    assert len(link.connection.unsent) < 2 * module.MAX_UNREAD
    assert events.pending(link.connection)
    found = received(events, link)
    gap = next(event for event in found if event["event"] == "missed")
    assert gap["count"] > 0
    assert found[-1]["seq"] == 3 * module.KEPT
    whole = [event["seq"] for event in found if event["event"] != "missed"]
    assert len(whole) + gap["count"] == 3 * module.KEPT
    assert not events.pending(link.connection)


def test_a_flood_of_one_kind_pushes_out_no_other(link: Link) -> None:
    """A spinner in the title pushed out a command's end, which a follower missed."""
    events = Events(daemon_facts())
    events.add("created")
    events.add("command_ended", exit_code=3)
    for number in range(3 * module.KEPT):
        events.add("title", title=str(number))
        if number == module.KEPT:
            events.add("command_ended", exit_code=4)
    events.follow(link.connection, 1)
    found = received(events, link)
    assert len(found) < 2 * module.KEPT
    assert [event["exit_code"] for event in found if event["event"] == "command_ended"] == [3, 4]
    seen = 1
    for event in found:
        assert event["seq"] == seen + event.get("count", 1), "a gap is told where it is"
        seen = event["seq"]
    assert seen == events.last
