"""Menus on a screen: what is one, and what only looks like one."""

from __future__ import annotations

import pytest

from sesh.daemon.activity import question
from tests.support import menus


@pytest.mark.parametrize("kind", [kind for kind in menus.MENUS if kind != "unknown"])
def test_a_menu_of_a_common_library_is_known(kind: str) -> None:
    rows = menus.MENUS[kind].split("\n")
    assert question.lists_entries(rows) or question.offers(list(map(question.words_of, rows)))


@pytest.mark.parametrize(
    "rows",
    [
        ["Name:", "> my-app", "", "enter submit"],
        ["Password:", "> ••••••", "enter submit"],
        ["? Project name: › my-app"],
        ["? Password: [input is hidden]"],
        ["The plan:", "● read", "○ write"],
        ["So it says:", "", "› first line of a prompt", "  second line of it"],
        ["It says:", "> a quoted line", "> and another one"],
        ["  VITE ready:", "  ➜  Local:   http://localhost:5173/", "  ➜  Network: use --host"],
        [">>> def f():", "...     pass", ">>> "],
        ["? for shortcuts", "> draft", ""],
        ["Choose:", "> red", "", "  blue"],
    ],
)
def test_what_is_no_menu_is_not_taken_for_one(rows: list[str]) -> None:
    assert not question.lists_entries(rows)
    assert not question.offers(list(map(question.words_of, rows)))
