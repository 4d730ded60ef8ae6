"""How many of the last lines of a session come over a link."""

from __future__ import annotations

import json

import pytest

from sesh import gate
from sesh.ops import views
from sesh.vt.scrollback import LINE_LIMIT


@pytest.mark.parametrize("character", ["a", "é", "한", "😀", '"', "\\"])
@pytest.mark.parametrize("length", [0, 1, 80, 3000])
def test_the_lines_that_come_over_a_link_fit_into_one_answer(
    monkeypatch: pytest.MonkeyPatch, character: str, length: int
) -> None:
    monkeypatch.setattr(gate, "LARGEST", 1 << 16)
    lines = [character * length] * 30_000
    count = views._last_that_fit(lines)
    answer = json.dumps(lines[len(lines) - count :], ensure_ascii=False, separators=(",", ":"))
    assert 0 < count < len(lines)
    assert len(answer.encode()) <= 1 << 16


def test_the_longest_line_that_a_session_keeps_comes_over_a_link() -> None:
    assert views._last_that_fit(["😀" * 2 * LINE_LIMIT]) == 1


def test_all_lines_come_over_a_link_if_they_are_few() -> None:
    assert views._last_that_fit(["x"] * 1000) == 1000
    assert views._last_that_fit([]) == 0
