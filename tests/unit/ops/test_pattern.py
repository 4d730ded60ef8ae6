"""A search for a pattern is bounded in time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.errors import Refused, TimedOut, UsageError
from sesh.ops import pattern as patterns
from sesh.ops.pattern import Pattern

EXPLODES = r"(a+)+$"
LINE = "a" * 60 + "b"


@pytest.fixture(autouse=True)
def left() -> Iterator[None]:
    """Check that no process is left behind."""
    before = _children()
    yield
    assert _children() <= before


def _children() -> set[str]:
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return set(file.read().split())


@pytest.mark.parametrize("text", ["a", "", r"[^a]+$", r"\w\d|", "(?i)ß.", "^$"])
def test_it_finds_what_re_finds(text: str) -> None:
    with Pattern(text) as pattern:

        @settings(deadline=None, max_examples=30)
        @given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=20), max_size=6))
        def finds_the_same(lines: list[str]) -> None:
            found = [(at, hit[0]) for at, line in enumerate(lines) if line and (hit := re.search(text, line))]
            assert list(pattern.matches(lines)) == found

        finds_the_same()


def test_many_lines_and_long_ones_are_searched_in_portions() -> None:
    lines = ["x" * 300_000, *["line"] * 100_000, "the 1 \udc80\ud800 of them"]
    with Pattern(r"\d .+ of") as pattern:
        assert list(pattern.matches(lines)) == [(100_001, "1 \udc80\ud800 of")]
        assert list(pattern.matches(lines[:-1])) == []
        assert list(pattern.matches(["", "2 or of"])) == [(1, "2 or of")]


@pytest.mark.parametrize("limit", [None, 0.1])
def test_a_pattern_that_explodes_is_stopped(monkeypatch: pytest.MonkeyPatch, limit: float | None) -> None:
    """The pattern stopped a whole MCP server, because `re` lets no other thread run."""
    if limit is None:
        monkeypatch.setattr(patterns, "BATCH_TIMEOUT", 0.1)
    with Pattern(EXPLODES) as pattern, pytest.raises(Refused if limit is None else TimedOut):
        list(pattern.matches([LINE], None if limit is None else time.monotonic() + limit))


@pytest.mark.parametrize(("text", "line"), [("ß", "ẞ"), ("(?x) a b", "AB"), ("(?-i:a)B", "ab"), ("\\w{2}É", "xyé")])
def test_without_case_a_pattern_may_have_flags_of_its_own(text: str, line: str) -> None:
    """`(?i)` before the pattern made `(?x)` behind it an error from Python 3.11 on."""
    with Pattern(text, ignore_case=True) as pattern:
        assert list(pattern.matches(["", line])) == [(1, line)]


@pytest.mark.parametrize("text", ["(", "a(", "\\", "*"])
def test_an_error_shows_the_pattern_and_the_position_that_were_typed_with_and_without_case(text: str) -> None:
    """`grep -i '('` showed `(?i)(`, and position 4."""
    found = set()
    for ignore_case in (False, True):
        with pytest.raises(UsageError) as raised:
            Pattern(text, ignore_case=ignore_case)
        found.add(str(raised.value))
    assert len(found) == 1


@pytest.mark.parametrize("text", ["(", "[", "a{2,1}", "(" * 5000, "x" * 20_000, "a{99999999999}", "*"])
def test_what_is_no_pattern_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        Pattern(text)
