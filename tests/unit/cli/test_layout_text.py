"""Text that `--export` and `--history` write without `json` and `shlex`: what these would write."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from sesh import wording
from sesh.cli import layout


@pytest.mark.parametrize(
    "value",
    [
        {"version": 1, "sessions": []},
        {"version": 1, "sessions": [{"name": "ä", "labels": {}, "command": ["sh", '"\\', "\x1b\x7f"], "host": None}]},
        {"a": {"b": [[], [1, [True]]]}},
        [],
        {},
        None,
    ],
)
def test_a_layout_is_indented_as_json_does(value: Any) -> None:
    assert layout.indented(value) == json.dumps(value, indent=2, ensure_ascii=True)


@pytest.mark.parametrize(
    "words", [[], [""], ["a", "b c"], ["it's", '"'], ["$HOME", "a/b", "x=1", "a,b:c%d@e+f-g_h.i"], ["ä", "\n", "*"]]
)
def test_words_are_joined_as_shlex_does(words: list[str]) -> None:
    assert wording.joined(words) == shlex.join(words)
