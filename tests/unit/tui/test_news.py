"""What `--watch` tells of: each thing once, a session once a minute, and nothing that somebody looks at."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from sesh.ops.index import Key
from sesh.schema import Summary
from sesh.tui.news import News
from sesh.wording import NOTIFICATION_INTERVAL

BOX = "box"


def session(name: str = "job", state: str = "idle", since: str = "", question: str = "", **more: Any) -> Summary:
    activity = {"state": state, "why": "hook", "since": since, "question": question or None}
    row = {"name": name, "state": "running", "pid": 7, "created": "then", "attached": 0, "activity": activity, **more}
    return cast("Summary", row)


class Told:
    """The news of one host, whose clock a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.news = News()

    def __call__(self, *rows: Summary, answered: bool = True) -> list[str]:
        listed: dict[Key, Summary] = {(BOX, row["name"]): row for row in rows}
        return self.news.lines(listed, frozenset((None, BOX) if answered else (None,)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def test_what_waits_already_is_no_news_and_what_begins_to_is_told_once(told: Told) -> None:
    old = session("old", "waiting", "1", "since long?", pid=6)
    assert told(old, session()) == []
    rows = old, session(state="waiting", since="2", question="push it?")
    assert told(*rows) == ["job@box waits: push it?"]
    assert told(*rows) == []


def test_a_session_is_told_once_a_minute_and_by_its_id_whatever_its_name(told: Told) -> None:
    told(session(id="1"))
    assert told(session(state="waiting", since="1", question="a?", id="1")) == ["job@box waits: a?"]
    told.now += NOTIFICATION_INTERVAL - 1
    assert told(session("other", "waiting", "2", "b?", id="1")) == []
    told.now += 1
    assert told(session("other", "waiting", "3", "c?", id="1")) == ["other@box waits: c?"]


def test_what_is_looked_at_muted_or_this_very_session_is_not_told(told: Told) -> None:
    told(session())
    for more in ({"attached": 1}, {"current": True}, {"labels": {"mute": "1"}}):
        assert told(session(state="waiting", since=str(more), question="push it?", **more)) == []
    assert told(session(state="waiting", since="{'labels': {'mute': '1'}}", question="push it?")) == []


def test_of_sessions_that_are_gone_nothing_is_kept_for_longer_than_a_minute(told: Told) -> None:
    def held() -> int:
        return sum(len(facts) for facts in vars(told.news).values() if isinstance(facts, dict))

    told()
    for number in range(100):
        told.now += 1
        assert len(told(session(f"job{number}", "waiting", str(number), "push it?"))) == 1
    assert held() < 2 * 60 + 2
