"""The rows of the board: which come first, which fit a query, and a mark that stays where it is meant, in sight."""

from __future__ import annotations

import re
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from sesh.schema import Summary
from sesh.tui.rows import STEPS, Order, Row, Selection, drawn, matching, ordered
from sesh.wording import columns

_SGR = re.compile(r"\x1b\[[0-9;]*m")


def row(name: str = "work", host: str | None = None, state: str = "idle", since: str = "", **more: Any) -> Row:
    activity = {"state": state, "why": "hook", "since": since, "question": more.pop("question", None)}
    facts = {"name": name, "state": "running", "pid": 7, "created": None, "attached": 0, "activity": activity, **more}
    return Row(host, name, cast("Summary", facts))


def names(rows: list[Row]) -> list[str]:
    return [each.name for each in rows]


def test_who_waits_longest_comes_first_or_who_was_attached_last() -> None:
    rows = [
        row("calm"),
        row("failed", state="failed", since="2026-01-01T00:00:00Z"),
        row("late", state="waiting", since="2026-01-01T00:00:09Z"),
        row("ahead", "box", state="waiting", since="2026-01-01T00:01:00Z", clock=55.0),
        row("busy", state="working", since="2026-01-01T00:00:00Z"),
    ]
    sessions = {(each.host, each.name): each.session for each in rows if each.session is not None}
    assert names(ordered(sessions, Order.WAITING, [])) == ["ahead", "late", "failed", "busy", "calm"]
    recent = [("", "busy"), ("box", "ahead"), ("box", "calm")]
    assert names(ordered(sessions, Order.RECENT, recent))[:2] == ["busy", "ahead"]


def test_what_was_typed_fits_names_hosts_places_and_programs_names_first() -> None:
    rows = [
        row("one", command=["vim", "web.py"]),
        row("web-site"),
        row("two", "gpu", cwd="/home/me/src", home="/home/me"),
    ]
    for query, fits in (
        ("", ["one", "web-site", "two"]),
        ("web", ["web-site", "one"]),
        ("WEB", ["web-site", "one"]),
        ("@gpu tw", ["two"]),
        ("src tw", ["two"]),
        ("~/src", ["two"]),
        ("bew", []),
    ):
        assert names(matching(rows, query)) == fits, query


def test_the_mark_stays_on_its_session_and_takes_the_place_of_one_that_is_gone() -> None:
    def name(*rows: Row, reset: bool = False) -> str:
        selection.show(rows, reset=reset)
        return selection.row.name if selection.row is not None else ""

    selection = Selection()
    assert name(row("here", current=True), row("a", id="1"), row("b", id="2"), reset=True) == "a"
    assert name(row("new"), row("b", id="2"), row("renamed", id="1")) == "renamed"
    assert name(row("new"), row("b", id="2")) == "b"
    assert name() == ""
    assert not selection.press("down", 3)


@given(st.integers(1, 9), st.lists(st.tuples(st.sampled_from([*STEPS, "home", "end"]), st.integers(1, 5)), max_size=12))
def test_the_mark_is_in_sight_and_the_rows_move_no_more_than_they_must(
    count: int, presses: list[tuple[str, int]]
) -> None:
    selection = Selection()
    selection.show([row(str(number)) for number in range(count)])
    before = selection.visible(3)
    for key, height in presses:
        selection.press(key, 3)
        seen = selection.visible(height)
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
