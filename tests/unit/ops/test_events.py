"""Following the events of all sessions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from sesh.errors import Unreachable
from sesh.ops import events
from sesh.reach.caller import Caller
from sesh.schema.facts import Event


def test_a_session_followed_again_repeats_no_event(sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a reload that took long, each event since the beginning came twice."""

    def follow_one(_name: str, _id: str, since: int, *_: object) -> Iterator[Event]:
        yield {"seq": since + 1, "ts": "", "event": "bell", "session": "work"}
        raise Unreachable("the daemon of work does not answer")

    monkeypatch.setattr(events, "_running", lambda: [("work", "1")])
    monkeypatch.setattr(events, "_follow_one", follow_one)
    came = filter(None, events.every(Caller(), "", {}))
    assert [event["seq"] for event in islice(came, 3)] == [1, 2, 3]
