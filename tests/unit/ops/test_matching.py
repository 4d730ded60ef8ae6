"""A pattern is searched for in a process of its own, and bounded in time."""

from __future__ import annotations

import os
import re
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.errors import Refused, TimedOut, UsageError
from sesh.ops import matching
from sesh.ops.matching import Pattern

EXPLODES = r"(a+)+$"
LINE = "a" * 60 + "b"


def children() -> set[str]:
    """The processes that this one has started and not reaped."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return set(file.read().split())


@pytest.mark.parametrize("text", ["a", "", r"[^a]+$", r"\w\d|", "(?i)ß.", "^$"])
def test_it_finds_what_re_finds(text: str) -> None:
    with Pattern(text) as pattern:

        @settings(deadline=None, max_examples=30)
        @given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=20), max_size=6))
        def finds_the_same(lines: list[str]) -> None:
            found = ((at, hit[0]) for at, line in enumerate(lines) if line and (hit := re.search(text, line)))
            assert pattern.search(lines) == next(found, None)

        finds_the_same()


def test_many_lines_and_long_ones_are_searched_in_portions() -> None:
    lines = ["x" * 300_000, *["line"] * 100_000, "the 1 \udc80\ud800 of them"]
    with Pattern(r"\d .+ of") as pattern:
        assert pattern.search(lines) == (100_001, "1 \udc80\ud800 of")
        assert pattern.search(lines[:-1]) is None
        assert pattern.search(["", "2 or of"]) == (1, "2 or of")


def test_a_pattern_that_explodes_is_bounded_by_the_deadline_and_leaves_no_process() -> None:
    before = children()
    with Pattern(EXPLODES) as pattern, pytest.raises(TimedOut):
        pattern.search([LINE], time.monotonic() + 0.3)
    assert children() <= before


def test_a_pattern_that_explodes_is_refused_and_lets_other_threads_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread of an MCP server it stopped the whole server: `re` lets no other thread run."""
    monkeypatch.setattr(matching, "PATIENCE", 0.3)
    errors: list[Exception] = []
    turns = 0

    def search() -> None:
        with Pattern(EXPLODES) as pattern:
            try:
                pattern.search([LINE])
            except Refused as error:
                errors.append(error)

    thread = threading.Thread(target=search)
    thread.start()
    while thread.is_alive():
        turns += 1
        thread.join(0.01)
    assert "takes too long" in str(errors[0])
    assert turns > 3


@pytest.mark.parametrize("text", ["(", "[", "a{2,1}", "(" * 5000, "x" * 20_000, "a{99999999999}", "*"])
def test_what_is_no_pattern_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        Pattern(text)
