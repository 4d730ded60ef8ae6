"""The judge of the bench: text and sayings in, a verdict out."""

from __future__ import annotations

import pytest

from tests.slow.judge import NUMBERED, Said, Verdict, judge, lacking, said_in


def lines(*numbers: int) -> list[str]:
    return [NUMBERED.format(number) for number in numbers]


def test_each_line_once_holds() -> None:
    assert judge(["READY", *lines(1, 2, 3), "THE END", "pong 1", ""], 3) == Verdict(0, 0, (), ())


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        (lines(1, 3), "1 lines are missing, where none may be left out"),
        (lines(1, 2, 2, 3), "1 lines came twice"),
        (lines(1, 3, 2), "lines came out of order"),
        ([*lines(1, 2), "li", *lines(3)], "1 lines are none of the program's: ['li']"),
        ([*lines(1, 2), " the link is down: 2 s ", *lines(3)], "1 lines are none of the program's"),
    ],
)
def test_a_fault_is_named(held: list[str], fault: str) -> None:
    verdict = judge(held, 3)
    assert len(verdict.faults) == 1
    assert fault in verdict.faults[0]


@pytest.mark.parametrize(
    ("said", "holds"), [([], False), ([6], True), ([5], True), ([4], False), ([6, 3], False), ([2, 4], True)]
)
def test_what_may_be_left_out_is_said_and_counted(said: list[int], holds: bool) -> None:
    held = [*lines(1, 2), "line 00", *lines(9, 10)]
    sayings = [Said(number, number) for number in said]
    assert judge(held, 10, sayings, may_leave_out=True).holds == holds
    assert not judge(held, 10, sayings).holds


def test_a_saying_without_a_missing_line_is_a_fault() -> None:
    assert not judge(lines(1, 2), 2, [Said(300, 300)], may_leave_out=True).holds


def test_logs_cannot_have_more_than_was_left_out() -> None:
    assert not judge(lines(1, 4), 4, [Said(2, 3)], may_leave_out=True).holds


@pytest.mark.parametrize(("in_logs", "holds"), [(2, True), (4, True), (1, True), (0, False)])
def test_what_logs_has_in_the_end_it_had_before(in_logs: int, holds: bool) -> None:
    held = lines(1, 2, 7, 8)
    assert judge(held, 8, [Said(4, in_logs)], logged=range(5, 9), may_leave_out=True).holds == holds


def test_a_line_that_is_drawn_again_is_said_once() -> None:
    line = b"\x1b[24;1H 4,978 lines were left out; sesh @box logs work has 978 of them \x1b[0m"
    assert said_in(line + b"line 00000001\r\n" + line) == (Said(4978, 978),)
    other = b"1 line was left out; sesh logs work has 1 of them"
    assert said_in(line + other) == (Said(4978, 978), Said(1, 1))


def test_who_came_later_needs_the_lines_from_the_first_on() -> None:
    assert judge(lines(7, 8, 9, 10), 10, joined=True).holds
    assert judge(lines(7, 9, 10), 10, joined=True).missing == 1
    assert judge([], 10, joined=True).missing == 10


def test_who_left_within_a_line_gets_it_whole_later() -> None:
    held = [*lines(1, 2), "line 0", "[detached from work]", *lines(3, 4)]
    assert judge(held, 4, left=True).holds
    for cut in ("line 0GONE", "GONE 00000003"):
        assert judge([*lines(1, 2), cut, *lines(3, 4)], 4, left=True).holds, "the terminal took no closing line"
    assert not judge(held, 4).holds
    assert not judge([*lines(1, 2), "line 0", "[detached from work]", *lines(4)], 4, left=True).holds


def test_what_was_said_is_not_lacking() -> None:
    raw = "\r\n".join(lines(1, 2, 9)).encode()
    assert lacking(raw, 9) == 6
    assert lacking(raw + b" 6 lines were left out; sesh logs work has 6 of them ", 9) == 0
