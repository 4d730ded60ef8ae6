"""Times: one way to write them for every option, and moments in words."""

from __future__ import annotations

import time

import pytest

from sesh.errors import UsageError
from sesh.text import times
from sesh.text.times import parse_seconds

_DAY = 86400.0


@pytest.mark.parametrize(
    ("word", "seconds", "shown"),
    [
        ("168h", 7 * _DAY, "7d"),
        ("7d", 7 * _DAY, "7d"),
        ("2w", 14 * _DAY, "14d"),
        ("90m", 5400, "90m"),
        ("5m", 300, "5m"),
        ("90", 90, "90s"),
        ("90s", 90, "90s"),
        ("3", 3, "3s"),
        ("0.5", 0.5, "0.5s"),
        (".5h", 1800, "30m"),
        ("1.5h", 5400, "90m"),
        ("1000001", 1000001, "1000001s"),
    ],
)
def test_times_are_read_and_shown_as_they_are_typed(word: str, seconds: float, shown: str) -> None:
    assert parse_seconds(word) == seconds
    assert times.exact(seconds) == shown


@pytest.mark.parametrize("word", ["", "h", "-1h", "1y", "٣h", "1e3", "nan", "inf", ".", "1.2.3", " 5", "5 m", "1_0"])
def test_what_is_no_time_is_refused_with_the_ways_to_write_one(word: str) -> None:
    with pytest.raises(UsageError, match="is not a time; write seconds, or a time like 90s, 5m, 2h, 7d"):
        parse_seconds(word)


@pytest.mark.parametrize("word", ["0", "0s", "0.0h"])
def test_no_time_at_all_is_too_little(word: str) -> None:
    """The error was `0 is not a time`, with the advice to write seconds."""
    with pytest.raises(UsageError, match=rf"^{word} is not a time above 0$"):
        parse_seconds(word)


@pytest.mark.parametrize("word", ["99999w", "99999999999", "9" * 30, f"{'9' * 5000}m"])
def test_a_time_that_is_too_long_is_told_the_longest(word: str) -> None:
    """The error was `99999999999 is not a time`, with the advice to write seconds."""
    with pytest.raises(UsageError, match=r"is too long; the longest time is 11574d$"):
        parse_seconds(word)
    assert parse_seconds("11574d") < 1e9


def test_leftovers_may_be_of_any_age() -> None:
    assert parse_seconds("0s", least=0) == parse_seconds("0", least=0) == 0


def test_the_day_stands_there_where_it_is_not_today() -> None:
    now = time.time()
    today, before = times.stamp(now), times.stamp(now - 3 * 86400)
    assert times.local_time(today) == time.strftime("%H:%M:%S", time.localtime(int(now)))
    assert times.local_time(today, dated=True) == time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(now)))
    dated = times.time_of_day(int(now) - 3 * 86400)
    assert times.local_time(before) == times.local_time(before, dated=True) == dated


@pytest.mark.parametrize(("stamp", "text"), [(None, ""), ("", ""), ("soon", "soon")])
def test_what_is_no_moment_stays_as_it_is(stamp: object, text: str) -> None:
    assert times.local_time(stamp) == text


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
    assert times.seconds(stamp) is None
    assert times.local_time(stamp) == stamp
    assert times.age(stamp, time.time()) == ""


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z"])
def test_a_moment_of_any_year_is_shown(stamp: str) -> None:
    """A moment may come from a host, with any year."""
    moment = times.seconds(stamp)
    assert moment is not None
    assert times.local_time(stamp) == times.time_of_day(moment)
    assert times.age(stamp, time.time())


def test_a_moment_comes_back_from_its_stamp() -> None:
    assert times.seconds(times.exact_stamp(1769860800.123)) == 1769860800.123
    assert times.seconds(times.stamp(1769860800)) == 1769860800
