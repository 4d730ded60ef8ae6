"""When a person is told of a session. The clock is a stand-in, and what is told is noted."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from sesh import wording
from sesh.daemon.activity import telling as module
from sesh.daemon.activity.telling import RINGS_AFTER, Telling
from sesh.loop import timers
from sesh.loop.timers import Timers
from sesh.wording import BETWEEN_TELLINGS
from tests.support import data


class World:
    """One session; `told` has the question of each telling, or `bell`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers = Timers()
        self.clients = SimpleNamespace(watched=False)
        self.told: list[str] = []
        self.telling = Telling(data.daemon_facts(), self.clients, self.timers, lambda: self)  # type: ignore[arg-type, return-value]

    def monotonic(self) -> float:
        return self.now

    def tell(self, _kind: str, event: dict[str, Any]) -> None:
        self.told.append(event["question"] or event["state"])

    def rings(self) -> None:
        self.telling.event({"event": "bell", "ts": ""})

    def asks(self, question: str, state: str = "waiting") -> None:
        self.telling.event({"event": "activity", "ts": "", "state": state, "why": "tty-read", "question": question})

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.timers.run()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with patch.object(module, "time", made), patch.object(timers, "time", made):
        yield made


def test_a_bell_never_takes_the_minute_of_a_question(world: World) -> None:
    world.rings()
    world.passes(RINGS_AFTER)
    world.asks("push?")
    assert world.told == ["bell", "push?"]


def test_the_bell_of_a_question_is_told_by_the_question(world: World) -> None:
    world.rings()
    world.asks("push?")
    world.passes(BETWEEN_TELLINGS)
    assert world.told == ["push?"]


def test_a_bell_behind_a_question_waits_for_the_minute_and_so_does_a_second_question(world: World) -> None:
    world.asks("push?")
    world.rings()
    world.passes(BETWEEN_TELLINGS - 1)
    assert world.told == ["push?"]
    world.asks("and now?")
    world.passes(1)
    assert world.told == ["push?", "and now?"]


def test_a_second_question_comes_when_the_minute_is_over_if_it_still_stands(world: World) -> None:
    world.asks("push?")
    world.asks("and now?")
    world.passes(BETWEEN_TELLINGS)
    world.asks("and then?")
    world.asks("", "idle")
    world.passes(BETWEEN_TELLINGS)
    assert world.told == ["push?", "and now?"]


def test_who_has_come_to_look_by_the_time_it_would_be_told_is_not_told(world: World) -> None:
    """A bell just before an attach rang on the very terminal that showed the session by then."""
    world.rings()
    world.clients.watched = True
    world.passes(BETWEEN_TELLINGS)
    assert world.told == []


def test_a_bell_at_the_end_is_told_before_the_end_unless_that_is_a_failure(world: World) -> None:
    world.rings()
    world.telling.event({"event": "exited", "ts": "", "exit_code": 0})
    world.rings()
    world.telling.event({"event": "exited", "ts": "", "exit_code": 3})
    assert world.told == ["bell", "exited 0", "exited 3"]


def test_a_job_whose_time_was_up_timed_out(world: World) -> None:
    """It had failed: exited 129."""
    world.telling.event({"event": "exited", "ts": "", "exit_code": 129, "reason": "timed out"})
    assert [wording.needs("t1", "failed", question) for question in world.told] == ["t1 timed out"]
