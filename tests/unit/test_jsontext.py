"""JSON read and written as the standard library does it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import lean

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_it_writes_what_json_writes(value: Any, ascii_only: bool) -> None:
    assert lean.write(value, ascii_only=ascii_only) == json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)


@given(VALUES, st.sampled_from([None, 1]))
def test_it_reads_what_json_reads(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert json.dumps(lean.read(f" {text}\n")) == json.dumps(json.loads(text))


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u \t', max_size=20))
def test_it_refuses_what_json_refuses(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError, match=r".+"):
            lean.read(text)
    else:
        assert lean.read(text) == expected or math.isnan(expected)


@pytest.mark.parametrize("text", ["", " ", "{", "[1,]", "nul", "1 2", '"\n"', "{'a':1}", '{"a"}', "\ufeff1"])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        lean.read(text)


def test_absurd_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(RecursionError):
        lean.read("[" * 1_000_000)


def test_what_has_no_json_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        lean.write({"a": b"bytes"})
