"""Moments in words, in the zone of this machine."""

from __future__ import annotations

import time

import pytest

from sesh import moments


def test_the_day_stands_there_where_it_is_not_today() -> None:
    now = time.time()
    today, before = moments.stamp(now), moments.stamp(now - 3 * 86400)
    assert moments.here(today) == time.strftime("%H:%M:%S", time.localtime(int(now)))
    assert moments.here(today, dated=True) == time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(now)))
    assert moments.here(before) == moments.here(before, dated=True) == moments.local(int(now) - 3 * 86400)


@pytest.mark.parametrize(("stamp", "text"), [(None, ""), ("", ""), ("soon", "soon")])
def test_what_is_no_moment_stays_as_it_is(stamp: object, text: str) -> None:
    assert moments.here(stamp) == text


def test_moments_follow_the_wall_clock_where_it_is_set_and_stay_where_it_only_drifts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = {"wall": 1_000_000.0, "up": 500.0}
    monkeypatch.setattr("time.time", lambda: now["wall"])
    monkeypatch.setattr(moments, "uptime", lambda: now["up"])

    def passes(seconds: float, by_the_wall: float | None = None) -> None:
        now["up"] += seconds
        now["wall"] += seconds if by_the_wall is None else by_the_wall

    clock = moments.SteadyClock()
    born = clock.now()
    assert (born, clock.told(born)) == (1_000_000.0, 1_000_000.0)
    passes(60)
    assert (clock.now() - born, clock.told(born)) == (60, born)
    passes(10, by_the_wall=10.7)  # as it is corrected little by little
    assert clock.told(born) == born
    passes(10, by_the_wall=3610)
    assert (clock.now() - born, clock.told(born)) == (80, born + 3600.7)
    assert clock.told(clock.now()) == now["wall"]
    passes(10, by_the_wall=9.5)
    assert clock.told(born) == born + 3600.7, "the same each time until it is set again"
    passes(0, by_the_wall=-7200)
    assert clock.told(clock.now()) == now["wall"]
    assert clock.now() - born == 90, "what is measured goes on as it was"
