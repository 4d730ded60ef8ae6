"""Each deadline runs once, in time, and not after it was moved or cleared."""

from __future__ import annotations

import time

import pytest

from sesh.loop.timers import FOREVER, Timers


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_deadline_that_another_one_moved_or_cleared_does_not_run(clock: Clock) -> None:
    """The same function set for later ran at once, because only functions were compared."""
    due, ran = Timers(), list[str]()

    def tick(name: str) -> None:
        ran.append(name)

    def first() -> None:
        due.set(tick, 10, "b")
        due.clear(tick, "c")

    due.set(first, 0)
    due.set(tick, 0, "b")
    due.set(tick, 0, "c")
    due.run()
    assert ran == []
    assert due.due == clock.now + 10


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e300])
def test_a_deadline_that_never_comes_keeps_no_other_from_coming(clock: Clock, seconds: float) -> None:
    due, ran = Timers(), list[str]()
    due.set(ran.append, seconds, "never")
    due.set(ran.append, 2, "a")
    assert due.due == clock.now + 2
    clock.now += 2
    due.run()
    assert ran == ["a"]
    assert due.due == pytest.approx(clock.now + FOREVER - 2)
