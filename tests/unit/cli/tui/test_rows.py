"""The rows of a list: the mark stays where it is meant, and in sight."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.cli.tui.console import STEPS, MarkedList, edited, hint


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


def test_steps_lead_around_only_where_they_are_to_and_pages_never_do() -> None:
    for around, expected in ((True, 0), (False, 2)):
        rows = MarkedList(STEPS, range(3), around=around)
        for key in ("down", "tab", "C-n"):
            rows.press(key)
        assert rows.mark == expected
        rows.press("end", 2)
        rows.press("pagedown", 2)
        assert rows.mark == 2
        rows.press("pageup", 9)
        assert rows.mark == 0
    assert not rows.press("end")
    assert not rows.press("x", 2)


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


def test_a_line_is_edited_at_its_end() -> None:
    text = ""
    for key in ("a", "é", "up", "enter", " ", "b", "bspace"):
        text = edited(text, key)
    assert text == "aé "
    assert edited(text, "C-u") == edited("", "bspace") == ""


def test_the_longest_hint_that_fits_is_shown() -> None:
    hints = ("quite long", "short")
    assert [hint(hints, width) for width in (10, 9, 5, 3)] == ["quite long", "short", "short", "sh…"]
