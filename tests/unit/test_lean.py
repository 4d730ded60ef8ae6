"""The C accelerators do what the public modules do, and so does the public module where one is missing."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
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
def test_to_json_writes_what_json_writes(value: Any, ascii_only: bool) -> None:
    expected = json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)
    assert lean.to_json(value, ascii_only=ascii_only) == expected


@given(VALUES, st.sampled_from([None, 1]))
def test_parse_json_reads_what_json_reads(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert json.dumps(lean.parse_json(f" {text}\n")) == json.dumps(json.loads(text))


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u \t', max_size=20))
def test_parse_json_refuses_what_json_refuses(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError, match=r".+"):
            lean.parse_json(text)
    else:
        assert lean.parse_json(text) == expected or math.isnan(expected)


@pytest.mark.parametrize("text", ["", " ", "{", "[1,]", "nul", "1 2", '"\n"', "{'a':1}", '{"a"}', "\ufeff1"])
def test_a_text_that_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        lean.parse_json(text)


def test_absurd_nesting_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(RecursionError):
        lean.parse_json("[" * 1_000_000)


def test_a_value_without_a_json_form_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        lean.to_json({"a": b"bytes"})


def test_a_digest_is_that_of_importlib() -> None:
    assert lean.digest(b"sesh") == importlib.util.source_hash(b"sesh").hex()


def test_an_accepted_connection_is_not_inherited(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listening = lean.socket.socket(lean.socket.AF_UNIX, lean.socket.SOCK_STREAM)
    listening.bind(path)
    listening.listen(1)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        accepted = lean.accept(listening)
        assert not os.get_inheritable(accepted.fileno())
        accepted.send(b"hello")
        assert peer.recv(5) == b"hello"
    accepted.close()
    listening.close()


def test_without_the_private_modules_the_public_ones_stand_in() -> None:
    code = """if True:
        import builtins, sys
        ordinary = builtins.__import__
        def refuse(name, globals=None, *rest):
            if name in ("_json", "_imp", "_signal", "_socket") and (globals or {}).get("__name__") == "sesh.lean":
                raise ImportError(name)
            return ordinary(name, globals, *rest)
        builtins.__import__ = refuse
        from sesh import lean
        import signal, socket
        assert lean.signal is signal and lean.socket is socket
        assert lean.parse_json(lean.to_json({"a": [1, "\\u00e4"]})) == {"a": [1, "\\u00e4"]}
        assert len(lean.digest(b"")) == 16
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


@pytest.mark.parametrize("value", [{"a": [1, "ä\u2028", None], "b": {}}, [], "text", 1.5, {"1": float("inf")}])
def test_to_json_spaced_writes_what_json_writes_unasked(value: Any) -> None:
    assert lean.to_json(value, spaced=True) == json.dumps(value, ensure_ascii=False)
    assert lean.to_json(value, spaced=True, ascii_only=True) == json.dumps(value)


@pytest.mark.parametrize("data", [b"", b"user@host", bytes(range(256)) * 99])
def test_sha256_is_that_of_hashlib(data: bytes) -> None:
    assert lean.sha256(data) == hashlib.sha256(data).hexdigest()
