"""The rows of the board: the mark is visible, and no line controls the terminal."""

from __future__ import annotations

import re
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from sesh.schema.facts import Summary
from sesh.text.safe import columns
from sesh.tui.rows import STEPS, BoardRow, Selection, drawn

_SGR = re.compile(r"\x1b\[[0-9;]*m")


def row(name: str = "work", host: str | None = None, state: str = "idle", since: str = "", **more: Any) -> BoardRow:
    activity = {"state": state, "why": "hook", "since": since, "question": more.pop("question", None)}
    facts = {"name": name, "state": "running", "pid": 7, "created": None, "attached": 0, "activity": activity, **more}
    return BoardRow(host, name, cast("Summary", facts))


@given(st.integers(1, 9), st.lists(st.tuples(st.sampled_from([*STEPS]), st.integers(1, 5)), max_size=12))
def test_the_mark_is_in_sight_and_the_rows_move_no_more_than_they_must(
    count: int, presses: list[tuple[str, int]]
) -> None:
    selection = Selection()
    selection.show([row(str(number)) for number in range(count)])
    before = selection.scroll(3)
    for key, height in presses:
        selection.press(key)
        seen = selection.scroll(height)
        assert any(each is selection.row for each in seen)
        assert len(seen) <= height
        first = selection.rows.index(seen[0])
        assert seen == selection.rows[first : first + len(seen)]
        if any(each is selection.row for each in before[:height]):
            assert seen[0] is before[0]
        before = seen


@given(st.lists(st.text(max_size=30), max_size=4), st.integers(1, 60), st.integers(1, 5))
def test_each_line_is_as_wide_as_the_list_and_never_steers_the_terminal(
    texts: list[str], width: int, height: int
) -> None:
    selection = Selection()
    selection.show([row(text, state="waiting", question=text, cwd=text, command=[text]) for text in texts])
    for line in drawn(selection, width, height, 0.0, coloured=True):
        plain = _SGR.sub("", line)
        assert plain.isprintable()
        assert columns(plain) == width
