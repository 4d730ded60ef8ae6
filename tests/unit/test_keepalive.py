"""The silence on a link: asked after a while, given up in time, never for this machine's own sleep."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.keepalive import LOST_AFTER, PING_AFTER, STOOD, Backoff, Keepalive


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr("sesh.keepalive.time.monotonic", lambda: now[0])
    return now


def check(keepalive: Keepalive, clock: list[float]) -> bool:
    """Sleeps until something is due, and does it."""
    clock[0] = keepalive.due
    return keepalive.check(clock[0])


def test_nobody_asks_a_daemon_of_this_machine(clock: list[float]) -> None:
    keepalive = Keepalive(enabled=False)
    keepalive.heard()
    assert keepalive.due == 0


def test_silence_is_asked_about_and_then_given_up(clock: list[float]) -> None:
    keepalive = Keepalive(enabled=True)
    asked = 0
    while check(keepalive, clock):
        asked += 1
    assert clock[0] == 1000 + LOST_AFTER
    assert asked == LOST_AFTER // PING_AFTER - 1 == 2
    assert keepalive.due > clock[0]


@given(st.floats(0, 3 * LOST_AFTER))
def test_a_link_is_given_up_within_fifteen_seconds_whenever_it_goes_silent(last: float) -> None:
    """It used to take up to 20 where the last answer came right after a question."""
    now = [1000.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sesh.keepalive.time.monotonic", lambda: now[0])
        keepalive = Keepalive(enabled=True)
        while keepalive.due < 1000 + last:
            assert check(keepalive, now)
            now[0] = min(now[0] + 0.05, 1000 + last)
            keepalive.heard()
        silent_from = now[0] = 1000 + last
        keepalive.heard()
        while check(keepalive, now):
            continue
    assert now[0] - silent_from <= 13.5  # the person is told a second later


def test_an_answer_makes_it_good(clock: list[float]) -> None:
    keepalive = Keepalive(enabled=True)
    for _ in range(20):
        assert check(keepalive, clock)
        clock[0] += 0.1
        keepalive.heard()


def test_a_machine_that_slept_asks_before_it_gives_up(clock: list[float]) -> None:
    keepalive = Keepalive(enabled=True)
    clock[0] += 3600
    assert keepalive.check(clock[0])
    assert keepalive.due <= clock[0] + PING_AFTER
    assert not check(keepalive, clock)


def test_the_pauses_between_attempts_grow_to_ten_seconds_and_never_end() -> None:
    first = list(itertools.islice(Backoff().pauses(), 20))
    for pause, least in zip(first, [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, *[10.0] * 14], strict=True):
        assert least <= pause <= least * 1.25


def test_pauses_go_on_growing_where_links_die_at_once_and_begin_anew_once_one_has_stood(clock: list[float]) -> None:
    backoff = Backoff()
    found = []
    for _ in range(5):
        found.append(next(iter(backoff.pauses())))
        backoff.retry(lambda: None, "box", at_once=True)
        clock[0] += STOOD / 2
    assert [round(pause / least - 0.125) for pause, least in zip(found, [0.25, 0.5, 1, 2, 4], strict=True)] == [1] * 5
    clock[0] += STOOD
    assert next(iter(backoff.pauses())) < 0.32
