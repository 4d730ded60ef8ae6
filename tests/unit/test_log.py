"""The fault log: the last faults, one line each."""

from __future__ import annotations

import re

from sesh.log import KEPT, FaultLog


def test_a_fault_is_one_line_with_its_kind_and_place() -> None:
    faults = FaultLog()
    try:
        int("none")
    except ValueError as error:
        faults.note("a fault in a verb", error)
    (line,) = faults.lines()
    assert re.search(r"Z a fault in a verb: ValueError: invalid .*'none' \(test_log\.py:\d+\)$", line)
    assert line[10] == "T"


def test_only_the_last_ones_are_kept() -> None:
    faults = FaultLog()
    for number in range(KEPT + 5):
        faults.note(f"fault {number}")
    assert len(faults.lines()) == KEPT
    assert faults.lines()[-1].endswith(f"fault {KEPT + 4}")
    assert faults.lines()[0].endswith("fault 5")


def test_a_fault_that_was_never_raised_has_no_place() -> None:
    faults = FaultLog()
    faults.note("said", ValueError("why"))
    assert faults.lines()[0].endswith("said: ValueError: why")
