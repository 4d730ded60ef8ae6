"""Tells the person that the session needs one: that it waits, has failed or rings, once a minute at most.

Silent while somebody types in the session. A bell is told 0.5 s late, for the question that it may be rung for, and
takes no minute of a question's.
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
"""Seconds that a bell waits for a question, which then is told instead."""
BELL = "bell"


@dataclass(frozen=True)
class News:
    """What a person is told: that the session waits, has failed, or rings (`event`), why, and what it asks."""

    event: str
    why: str = ""
    question: str = ""


class Telling:
    """The tellings of one session. `tell` tells the person, or runs their hook."""

    def __init__(self, facts: Facts, clients: Clients, timers: Timers, tell: Callable[[News], object]) -> None:
        self._facts, self._clients, self._timers, self._send = facts, clients, timers, tell
        self._told_at = self._rang_at = -BETWEEN_TELLINGS
        """Times (monotonic) of the last telling of a state, and of a bell."""
        self._news: News | None = None
        """What is to be told, when its minute is over if it still holds."""

    def event(self, event: Event) -> None:
        """Tells of an event, if it says that a person is needed."""
        kind = event["event"]
        if kind == "activity" and event["why"] != Why.EXIT:
            if self._news is not None and self._news.event != BELL:
                self._news = None
            if event["state"] in (State.WAITING, State.FAILED):
                self._later(News(event["state"], event["why"] or "", event["question"] or ""), self._told_at)
        elif kind == "bell" and self._news is None:
            self._later(News(BELL), max(self._told_at, self._rang_at))
        elif kind == "exited":
            code = event.get("exit_code")
            if code:
                self._later(News(State.FAILED.value, Why.EXIT.value, failure(event.get("reason"), code)), 0.0)
            elif self._news is not None and self._news.event == BELL:
                self._tell()

    def _later(self, news: News, last: float) -> None:
        """Tells of something once the telling at `last` is long enough ago; at the end of the session at once."""
        if self._clients.watched or muted(self._facts["labels"]):
            return
        self._news = news
        left = last + BETWEEN_TELLINGS - time.monotonic()
        if news.event == BELL:
            left = max(left, RINGS_AFTER)
        if left <= 0 or news.why == Why.EXIT:
            self._tell()
        else:
            self._timers.set("tell", left, self._tell)

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is None or self._clients.watched or muted(self._facts["labels"]):
            return
        if news.event == BELL:
            self._rang_at = time.monotonic()
        else:
            self._told_at = time.monotonic()
        self._send(news)
