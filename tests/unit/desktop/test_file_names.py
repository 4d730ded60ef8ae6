"""A name of a file from another machine becomes one word, which says as much as it can of what it was."""

from __future__ import annotations

import os
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.desktop.file_names import MAX_BYTES, as_word, numbered, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("shot.png", "shot.png"),
        ("Screenshot 2026-11-30 at 10.00.00\u202fAM.png", "Screenshot-2026-11-30-at-10.00.00-AM.png"),
        ("Screenshot (1).png", "Screenshot-1.png"),
        ("cafe\u0301.png", "café.png"),
        ("日本語 1.png", "日本語-1.png"),
        ("हिन्दी.png", "हिन्दी.png"),
        ("a;rm -rf ~/x.png", "x.png"),
        ("$(reboot).txt", "reboot.txt"),
        ("/home/ann/a b.txt", "a-b.txt"),
        ("folder/", "folder"),
        (".bashrc", ".bashrc"),
        ("-rf", "rf"),
        ("a\nb.png", "a-b.png"),
        (os.fsdecode(b"\xff\xfe.png"), "file.png"),
        ("~made", "made"),
        ("~1", "1"),
        ("..", "file"),
        ("", "file"),
    ],
)
def test_what_a_shell_would_quote_becomes_a_dash(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_name_of_255_bytes_is_cut_before_its_suffix() -> None:
    cut = safe_name("é" * 125 + ".jpeg")
    assert cut.endswith("é.jpeg")
    assert len(cut.encode()) <= MAX_BYTES
    assert len(safe_name("x" * 255)) == MAX_BYTES
    assert numbered(cut, 12).endswith("é-12.jpeg")
    assert len(numbered(cut, 12).encode()) <= MAX_BYTES + 3


@given(st.text() | st.binary().map(os.fsdecode))
def test_any_name_becomes_one_word_within_one_directory(name: str) -> None:
    safe = safe_name(name)
    assert shlex.split(safe) == [safe]
    assert as_word(safe) == safe
    assert "/" not in safe
    assert not safe.startswith(("~", "-"))
    assert safe.strip(".")
    assert 0 < len(safe.encode()) <= MAX_BYTES
    assert safe_name(safe) == safe


def test_a_path_is_quoted_only_if_a_shell_would_split_it() -> None:
    assert as_word("/home/ann/.sesh/.files.00ff/köln.png") == "/home/ann/.sesh/.files.00ff/köln.png"
    assert as_word("/home/ann b/shot.png") == "'/home/ann b/shot.png'"
