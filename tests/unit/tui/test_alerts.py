"""A board tells once of what begins to need a person."""

from __future__ import annotations

from typing import Any, cast

from sesh.schema.facts import Place, Summary
from sesh.tui.alerts import Alerts

_ASKS = {"activity": {"state": "waiting", "since": "2026-03-01T11:57:00Z", "question": "push it?"}}
_WORKS = {"activity": {"state": "working", "since": "2026-03-01T11:57:00Z", "question": None}}


def told(alerts: Alerts, name: str, **facts: Any) -> list[str]:
    """Return the alerts for a report with one session of a host."""
    row = {"name": name, "id": name, "state": "running", "attached": 0, **facts}
    return alerts.update({Place("box", name): cast("Summary", row)})


def test_what_waits_is_told_once_and_not_after_its_host_was_silent() -> None:
    alerts = Alerts()
    assert told(alerts, "job", **_WORKS) == []
    assert told(alerts, "job", **_ASKS) == ["job@box waits: push it?"]
    for facts in (_ASKS, {"stale": {"since": "", "reason": ""}}, _ASKS, {"responding": False}, _ASKS):
        alerts._alerted.clear()
        assert told(alerts, "job", **facts) == []


def test_what_was_silent_at_the_first_report_waited_before() -> None:
    alerts = Alerts()
    assert told(alerts, "job", responding=False) == []
    assert told(alerts, "job", **_ASKS) == []


def test_nothing_is_told_of_the_first_report_nor_of_what_a_person_sees_or_has_muted() -> None:
    assert told(Alerts(), "job", **_ASKS) == []
    for more in ({"attached": 1}, {"current": True}, {"labels": {"mute": "1"}}):
        alerts = Alerts()
        told(alerts, "job", **_WORKS)
        assert told(alerts, "job", **_ASKS, **more) == []
