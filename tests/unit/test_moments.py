"""Moments in words, in the zone of this machine."""

from __future__ import annotations

import time
from types import SimpleNamespace

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


def test_a_moment_is_told_by_the_clock_as_it_is_set_and_stays_the_same_until_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To the millisecond, as watchers compare it."""
    wall, since_boot = 1000.0, 50.0
    clock = SimpleNamespace(time=lambda: wall, clock_gettime=lambda _: since_boot)
    monkeypatch.setattr(moments, "clock", clock)
    steady = moments.SteadyClock()
    moment = steady.now()
    assert steady.told(moment) == 1000.0
    wall, since_boot = wall + 5 + 3600, since_boot + 5
    assert (steady.now() - moment, steady.told(moment)) == (5.0, 4600.0)
    wall += 0.7
    assert steady.told(moment) == 4600.0, "it drifts"
    wall -= 3600
    assert steady.told(moment) == pytest.approx(1000.7)
