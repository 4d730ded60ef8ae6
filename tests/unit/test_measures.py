"""Times on the command line: one way to write them, for every option."""

from __future__ import annotations

import pytest

from sesh import measures
from sesh.errors import UsageError
from sesh.measures import parse_seconds

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
    assert measures.exact(seconds) == shown


@pytest.mark.parametrize(
    "word", ["", "h", "-1h", "1y", "٣h", "1e3", "nan", "inf", ".", "1.2.3", " 5", "5 m", "1_0", "99999w"]
)
def test_what_is_no_time_is_refused_with_the_ways_to_write_one(word: str) -> None:
    with pytest.raises(UsageError, match="is not a time; write seconds, or a time like 90s, 5m, 2h, 7d"):
        parse_seconds(word)


@pytest.mark.parametrize("word", ["0", "0s", "0.0h"])
def test_no_time_at_all_is_too_little(word: str) -> None:
    """The error was `0 is not a time`, with the advice to write seconds."""
    with pytest.raises(UsageError, match=rf"^{word} is not a time above 0$"):
        parse_seconds(word)


def test_leftovers_may_be_of_any_age() -> None:
    assert parse_seconds("0s", least=0) == parse_seconds("0", least=0) == 0
