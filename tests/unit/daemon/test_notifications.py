"""When a person is notified of a session. The clock is a stand-in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sesh.daemon.activity import notifications as module
from sesh.daemon.activity.notifications import BELL_DELAY, News, Notifications
from sesh.log import FaultLog
from sesh.loop import timers
from sesh.loop.timers import Timers
from sesh.schema import Event
from sesh.wording import NOTIFICATION_INTERVAL as MINUTE
from tests.support import data

Step = Event | float


def asks(question: str | None = "push?", state: str = "waiting") -> Event:
    return {"event": "activity", "state": state, "why": "tty-read", "question": question}


def exited(code: int) -> Event:
    return {"event": "exited", "exit_code": code}


BELL: Event = {"event": "bell"}
IDLE = asks(None, "idle")


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        ([BELL, BELL_DELAY, asks(), 0], ["bell", "push?"]),  # a bell takes no minute of a question's
        ([BELL, asks(), MINUTE], ["push?"]),  # it was rung for that
        ([BELL, IDLE, BELL_DELAY], ["bell"]),
        ([asks(), 0, BELL, MINUTE - 1, asks("now?"), 1.0], ["push?", "now?"]),
        ([asks(), 0, asks("now?"), MINUTE], ["push?", "now?"]),
        ([asks(), 0, asks("now?"), IDLE, MINUTE], ["push?"]),  # it holds no more
        ([BELL, exited(0)], ["bell"]),
        ([BELL, exited(3)], ["exited 3"]),
        ([asks(), 0, exited(3)], ["push?", "exited 3"]),
        ([{**exited(129), "reason": "timed out"}], ["timed out"]),
        ([asks(None, "done"), exited(0)], []),
        ([BELL, -1, MINUTE], []),  # a person has come to look
    ],
)
def test_a_session_notifies_once_a_minute_of_what_needs_a_person(
    steps: list[Step], sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, found, clients = [1000.0], list[str](), SimpleNamespace(watched=False)
    for each in (module, timers):
        monkeypatch.setattr(each, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def send(news: News) -> None:
        found.append(news.question or news.event)

    pending = Timers()
    notifications = Notifications(data.daemon_facts(), clients, pending, FaultLog())  # type: ignore[arg-type]
    monkeypatch.setattr(notifications, "start", send)
    for step in steps:
        if isinstance(step, dict):
            notifications.event(step)
        else:
            clients.watched = clients.watched or step < 0
            now[0] += max(step, 0)
            pending.run()
    assert found == sent
