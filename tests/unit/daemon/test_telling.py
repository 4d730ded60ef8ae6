"""When a person is told of a session. The clock is a stand-in, and what is told is noted."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from sesh import wording
from sesh.daemon.activity import telling as module
from sesh.daemon.activity.telling import RINGS_AFTER, News, Telling
from sesh.loop import timers
from sesh.loop.timers import Timers
from sesh.wording import BETWEEN_TELLINGS
from tests.support import data

MINUTE = BETWEEN_TELLINGS
Step = tuple[str, str] | float


class World:
    """One session; `told` has the question of each telling, or `bell`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers = Timers()
        self.clients = SimpleNamespace(watched=False)
        self.told: list[str] = []
        self.telling = Telling(data.daemon_facts(), self.clients, self.timers, self.tell)  # type: ignore[arg-type]

    def monotonic(self) -> float:
        return self.now

    def tell(self, news: News) -> None:
        self.told.append(news.question or news.event)

    def event(self, kind: str, word: str) -> None:
        """A bell, a question, a state without one, or an end with this code."""
        if kind == "bell":
            self.telling.event({"event": "bell"})
        elif kind == "exited":
            self.telling.event({"event": "exited", "exit_code": int(word)})
        else:
            state, question = ("waiting", word) if kind == "asks" else (word, None)
            self.telling.event({"event": "activity", "state": state, "why": "tty-read", "question": question})


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with patch.object(module, "time", made), patch.object(timers, "time", made):
        yield made


BELL, ASKS = ("bell", ""), ("asks", "push?")


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([BELL, RINGS_AFTER, ASKS], ["bell", "push?"]),  # a bell takes no minute of a question's
        ([BELL, ASKS, MINUTE], ["push?"]),  # it was rung for that
        ([BELL, ("state", "idle"), RINGS_AFTER], ["bell"]),
        ([ASKS, BELL, MINUTE - 1], ["push?"]),
        ([ASKS, BELL, MINUTE - 1, ("asks", "and now?"), 1.0], ["push?", "and now?"]),
        ([ASKS, ("asks", "and now?"), MINUTE], ["push?", "and now?"]),
        ([ASKS, ("asks", "and now?"), ("state", "idle"), MINUTE], ["push?"]),  # it holds no more
        ([BELL, ("exited", "0")], ["bell"]),
        ([BELL, ("exited", "3")], ["exited 3"]),
        ([ASKS, ("exited", "3")], ["push?", "exited 3"]),
        ([("state", "done"), ("exited", "0")], []),
    ],
)
def test_a_session_tells_what_needs_a_person_once_a_minute(world: World, steps: list[Step], told: list[str]) -> None:
    for step in steps:
        if isinstance(step, tuple):
            world.event(*step)
        else:
            world.now += step
            world.timers.run()
    assert world.told == told


def test_who_has_come_to_look_by_the_time_it_would_be_told_is_not_told(world: World) -> None:
    """A bell just before an attach rang on the very terminal that showed the session by then."""
    world.event(*BELL)
    world.clients.watched = True
    world.now += MINUTE
    world.timers.run()
    assert world.told == []


def test_a_job_whose_time_was_up_timed_out(world: World) -> None:
    """It had failed: exited 129."""
    world.telling.event({"event": "exited", "exit_code": 129, "reason": "timed out"})
    assert [wording.needs("t1", "failed", question) for question in world.told] == ["t1 timed out"]
