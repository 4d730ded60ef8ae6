"""The environment that a process was given, whatever Python has made of it."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given as with_any
from hypothesis import strategies as st

from sesh.system.given import without_coercion
from sesh.system.platforms import variables_within

TEXT = st.binary(min_size=1).filter(lambda each: b"\0" not in each)
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


@with_any(st.lists(TEXT, min_size=1), st.lists(TEXT), st.integers(1, 9), st.lists(TEXT))
def test_the_variables_are_found_behind_the_words_of_a_process(
    words: list[bytes], variables: list[bytes], padding: int, linker: list[bytes]
) -> None:
    def joined(strings: list[bytes]) -> bytes:
        return b"".join(each + b"\0" for each in strings)

    kept = len(words).to_bytes(4, sys.byteorder) + b"/bin/sesh" + bytes(padding) + joined(words)
    assert variables_within(kept + joined(variables) + b"\0" + joined(linker)) == joined(variables)


@with_any(st.binary())
def test_no_bytes_raise(odd: bytes) -> None:
    variables_within(odd)
