"""Policies of memory as the kernel writes them; calls that a system lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.system import kernel_calls
from sesh.system.kernel_calls import parse_policy


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("default", (0, set())),
        ("prefer:1", (1, {1})),
        ("bind:0-2,5", (2, {0, 1, 2, 5})),
        ("interleave=static:0-1", (3 | 1 << 15, {0, 1})),
        ("bind=relative|balancing:3", (2 | 1 << 14 | 1 << 13, {3})),
        ("local", (4, set())),
        ("prefer (many):0,2", (5, {0, 2})),
        ("weighted interleave:0", (6, {0})),
    ],
)
def test_a_policy_is_read(text: str, policy: tuple[int, set[int]]) -> None:
    assert parse_policy(text) == policy


@given(st.text() | st.from_regex(r"bind:[0-9,-]{0,30}"))
def test_what_is_no_policy_is_a_value_error(text: str) -> None:
    try:
        mode, nodes = parse_policy(text)
    except ValueError:
        return
    assert 0 <= mode & 0xFF <= 6
    assert all(0 <= node < 1024 for node in nodes)


def test_a_call_that_the_system_lacks_is_an_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_calls, "_KNOWN", {})
    with pytest.raises(OSError, match="not implemented"):
        kernel_calls.join_keyring()
