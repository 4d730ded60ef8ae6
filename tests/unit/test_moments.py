"""Moments in words, in the zone of this machine."""

from __future__ import annotations

import time

import pytest

from sesh import measures


def test_the_day_stands_there_where_it_is_not_today() -> None:
    now = time.time()
    today, before = measures.stamp(now), measures.stamp(now - 3 * 86400)
    assert measures.local_time(today) == time.strftime("%H:%M:%S", time.localtime(int(now)))
    assert measures.local_time(today, dated=True) == time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(now)))
    dated = measures.time_of_day(int(now) - 3 * 86400)
    assert measures.local_time(before) == measures.local_time(before, dated=True) == dated


@pytest.mark.parametrize(("stamp", "text"), [(None, ""), ("", ""), ("soon", "soon")])
def test_what_is_no_moment_stays_as_it_is(stamp: object, text: str) -> None:
    assert measures.local_time(stamp) == text


NO_MOMENTS = [
    "2026-13-45T99:99:99Z",
    "2026-02-30T00:00:00Z",
    "2026-01-31T12:00:60Z",
    "2026-01-31",
    "T",
    "1" * 5000 + "T",
]


@pytest.mark.parametrize("stamp", NO_MOMENTS)
def test_what_no_calendar_or_clock_has_is_no_moment(stamp: str) -> None:
    assert measures.seconds(stamp) is None
    assert measures.local_time(stamp) == stamp
    assert measures.age(stamp, time.time()) == ""


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z"])
def test_a_moment_of_any_year_is_shown(stamp: str) -> None:
    """A moment may come from a host, with any year."""
    moment = measures.seconds(stamp)
    assert moment is not None
    assert measures.local_time(stamp) == measures.time_of_day(moment)
    assert measures.age(stamp, time.time())


def test_a_moment_comes_back_from_its_stamp() -> None:
    assert measures.seconds(measures.exact_stamp(1769860800.123)) == 1769860800.123
    assert measures.seconds(measures.stamp(1769860800)) == 1769860800
