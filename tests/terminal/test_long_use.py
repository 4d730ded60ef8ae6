"""Sessions that are used for long, as `make soak` uses them for an hour."""

from __future__ import annotations

import pytest

from bench.soak.soak import soak
from tests.support import Home, rounds


@pytest.mark.soak
def test_r34_sessions_that_are_used_for_long_keep_their_content_and_leave_nothing_behind(
    home: Home, inside: None
) -> None:
    record = soak(home, hours=rounds(8, 18) / 3600, sessions=14, attaches=rounds(40, 30), megabytes=rounds(1, 3))
    print(record.report())
    # Memory is for `bench.soak`: here sessions are forks of a worker, and have what it has.
    assert [*record.faults, *record.count_growth()] == []
    assert record.samples[-1].attaches >= rounds(50, 100)
