"""Numbers on a command line that are none, or that mean nothing, are usage errors before anything is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support import Home, Result

Sesh = Callable[..., Result]

HUGE = "9" * 5000
"""More digits than Python reads."""


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e3", "٣", "", HUGE, "1_0", "0x10", "5 "], ids=repr)
def test_a_count_or_position_is_a_number(sesh: Sesh, number: str) -> None:
    for words in (
        ["--logs", "work", number],
        ["--history", "work", number],
        ["--wait", "work", "--for", "x", "--from", number],
        ["--events", "work", "--since", number],
    ):
        answer = sesh(*words)
        assert (answer.code, answer.stderr.count("\n")) == (2, 1), answer.stderr


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "0", "1e999", HUGE, "soon", ""])
def test_seconds_are_a_number_above_0(sesh: Sesh, number: str) -> None:
    for words in (
        ["--wait", "work", "--timeout", number],
        ["--wait", "work", "--idle", number],
        ["--run", "work", "--timeout", number, "--", "true"],
        ["--exec", "work", "--timeout", number, "--", "true"],
    ):
        answer = sesh(*words)
        assert (answer.code, answer.stderr.count("\n")) == (2, 1), answer.stderr


def test_a_terminal_of_absurd_width_is_listed_for_all_the_same(sesh: Sesh, home: Home) -> None:
    sesh("--open", "work", "--", "sleep", "60")
    assert sesh("--list", env={"COLUMNS": HUGE}).code == 0
    assert home.names() == ["work"]
