"""Decides when a person is notified that the session waits, has failed or rings: once a minute at most.

Nothing is sent while somebody types in the session. A bell is 0.5 s late, as a question may follow it, and takes no
minute of a question's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sesh.daemon.activity.rules import State, Why
from sesh.daemon.clients.registry import Clients
from sesh.loop.timers import Timers
from sesh.schema import Event
from sesh.stored import Facts
from sesh.wording import BETWEEN_TELLINGS, failure, muted

RINGS_AFTER = 0.5
"""Seconds that a bell waits for a question, which then is sent instead."""
BELL = "bell"


@dataclass(frozen=True)
class News:
    """One notification: that the session waits, has failed, or rings (`event`), why, and its question."""

    event: str
    why: str = ""
    question: str = ""


class Notifications:
    """The notifications of one session. `send` shows one to the person, or runs their hook."""

    def __init__(self, facts: Facts, clients: Clients, timers: Timers, send: Callable[[News], object]) -> None:
        self._facts, self._clients, self._timers, self._send = facts, clients, timers, send
        self._sent_at = self._rang_at = -BETWEEN_TELLINGS
        """Times (monotonic) of the last notification of a state, and of a bell."""
        self._due: News | None = None
        """The one that is sent when its minute is over, if it still holds."""

    def event(self, event: Event) -> None:
        """Notify of an event, if it says that a person is needed."""
        kind, due = event["event"], self._due
        rings = due is not None and due.event == BELL
        if kind == "activity" and event["why"] != Why.EXIT:
            self._due = due if rings else None
            if event["state"] in (State.WAITING, State.FAILED):
                self._plan(News(event["state"], event["why"] or "", event["question"] or ""), self._sent_at)
        elif kind == "bell" and due is None:
            self._plan(News(BELL), max(self._sent_at, self._rang_at), least=RINGS_AFTER)
        elif kind == "exited" and (code := event.get("exit_code")):
            self._due = News(State.FAILED.value, Why.EXIT.value, failure(event.get("reason"), code))
            self._notify()  # at once: the daemon ends
        elif kind == "exited" and rings:
            self._notify()

    def _plan(self, news: News, last: float, *, least: float = 0.0) -> None:
        """Notify once the notification at `last` is long enough ago."""
        if not self._silent:
            self._due = news
            left = max(last + BETWEEN_TELLINGS - time.monotonic(), least)
            self._timers.set("notify", left, self._notify)

    def _notify(self) -> None:
        news, self._due = self._due, None
        if news is None or self._silent:
            return
        if news.event == BELL:
            self._rang_at = time.monotonic()
        else:
            self._sent_at = time.monotonic()
        self._send(news)

    @property
    def _silent(self) -> bool:
        return self._clients.watched or muted(self._facts["labels"])
