"""The journal: the last faults, one line each."""

from __future__ import annotations

import re

from sesh.daemon.loop.fault_log import KEPT, Journal


def test_a_fault_is_told_in_one_line_with_its_kind_and_place() -> None:
    journal = Journal()
    try:
        int("none")
    except ValueError as error:
        journal.note("a fault in a verb", error)
    (line,) = journal.lines()
    assert re.search(r"Z a fault in a verb: ValueError: invalid .*'none' \(test_journal\.py:\d+\)$", line)
    assert line[10] == "T"


def test_only_the_last_ones_are_kept() -> None:
    journal = Journal()
    for number in range(KEPT + 5):
        journal.note(f"fault {number}")
    assert len(journal.lines()) == KEPT
    assert journal.lines()[-1].endswith(f"fault {KEPT + 4}")
    assert journal.lines()[0].endswith("fault 5")


def test_a_fault_that_was_never_raised_has_no_place() -> None:
    journal = Journal()
    journal.note("said", ValueError("why"))
    assert journal.lines()[0].endswith("said: ValueError: why")
