"""The silence on a link: asked after a while, given up in time, never for this machine's own sleep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.keepalive import ASK, LOST, Pulse


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr("sesh.keepalive.time.monotonic", lambda: now[0])
    return now


def beat(heart: Pulse, clock: list[float]) -> bool:
    """Sleeps until something is due, and does it."""
    clock[0] = heart.due
    return heart.beat(clock[0])


def test_nobody_asks_a_daemon_of_this_machine(clock: list[float]) -> None:
    heart = Pulse(wanted=False)
    heart.heard()
    assert heart.due == 0


def test_silence_is_asked_about_and_then_given_up(clock: list[float]) -> None:
    heart = Pulse(wanted=True)
    asked = 0
    while beat(heart, clock):
        asked += 1
    assert clock[0] == 1000 + LOST
    assert asked == LOST // ASK - 1 == 2
    assert heart.due > clock[0]


@given(st.floats(0, 3 * LOST))
def test_a_link_is_given_up_within_fifteen_seconds_whenever_it_goes_silent(last: float) -> None:
    """It used to take up to 20 where the last answer came right after a question."""
    now = [1000.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sesh.keepalive.time.monotonic", lambda: now[0])
        heart = Pulse(wanted=True)
        while heart.due < 1000 + last:
            assert beat(heart, now)
            now[0] = min(now[0] + 0.05, 1000 + last)
            heart.heard()
        silent_from = now[0] = 1000 + last
        heart.heard()
        while beat(heart, now):
            continue
    assert now[0] - silent_from <= 13.5  # the person is told a second later


def test_an_answer_makes_it_good(clock: list[float]) -> None:
    heart = Pulse(wanted=True)
    for _ in range(20):
        assert beat(heart, clock)
        clock[0] += 0.1
        heart.heard()


def test_a_machine_that_slept_asks_before_it_gives_up(clock: list[float]) -> None:
    heart = Pulse(wanted=True)
    clock[0] += 3600
    assert heart.beat(clock[0])
    assert heart.due <= clock[0] + ASK
    assert not beat(heart, clock)
