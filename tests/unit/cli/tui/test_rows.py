"""The rows of a list: the mark stays where it is meant, and in sight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.cli.tui.console import STEPS, MarkedList


def test_the_mark_stays_on_its_row_while_others_come_and_go() -> None:
    rows = MarkedList(STEPS, ["a", "b", "c"])
    assert rows.press("down")
    rows.show(["0", "a", "b"])
    assert rows.mark == "b"
    rows.show(["0", "a"], instead=["a"])
    assert rows.mark == "a"
    rows.show([])
    assert rows.mark is None
    assert not rows.press("down")
    rows.show(["z"])
    assert rows.mark == "z"


@given(st.integers(1, 9), st.lists(st.tuples(st.sampled_from([*STEPS, "home", "end"]), st.integers(1, 5)), max_size=12))
def test_the_mark_is_in_sight_and_the_rows_move_no_more_than_they_must(
    count: int, presses: list[tuple[str, int]]
) -> None:
    rows = MarkedList(STEPS, range(count), around=True)
    before = list(rows.fitting(3))
    for key, height in presses:
        rows.press(key, 3)
        seen = list(rows.fitting(height))
        assert rows.mark in seen
        assert len(seen) <= height
        assert seen == list(range(seen[0], seen[0] + len(seen)))
        if rows.mark in before[:height]:
            assert seen[0] == before[0]
        before = seen
