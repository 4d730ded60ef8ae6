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
