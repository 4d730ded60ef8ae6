"""The environment that a process was given, whatever Python has made of it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given as with_any
from hypothesis import strategies as st

from sesh.system.given import without_coercion

COERCED = {"LC_CTYPE": "C.UTF-8", "HOME": "/home/ann"}


@pytest.mark.parametrize(
    ("first", "locale"),
    [
        (b"HOME=/home/ann\0", {}),
        (b"", {}),
        (b"XLC_CTYPE=de\0", {}),
        (b"LC_CTYPE=C\0HOME=/home/ann\0", {"LC_CTYPE": "C"}),
        (b"HOME=/home/ann\0LC_CTYPE=", {"LC_CTYPE": ""}),
        (b"LC_CTYPE=C.UTF-8\0", {"LC_CTYPE": "C.UTF-8"}),
        (None, {"LC_CTYPE": "C.UTF-8"}),
    ],
)
def test_the_locale_is_the_one_that_was_given(first: bytes | None, locale: dict[str, str]) -> None:
    assert without_coercion(COERCED, first) == {"HOME": "/home/ann"} | locale


@with_any(st.dictionaries(st.sampled_from(["LANG", "LC_ALL", "ODD"]), st.binary()), st.binary())
def test_nothing_else_changes(others: dict[str, bytes], first: bytes) -> None:
    variables = {name: os.fsdecode(value) for name, value in others.items()}
    assert without_coercion(variables | {"LC_CTYPE": "de_DE"}, first) == variables | {"LC_CTYPE": "de_DE"}
    assert without_coercion(variables, first) == variables
