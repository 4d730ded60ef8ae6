"""The keys of `--send --key`."""

from __future__ import annotations

import pytest

from sesh.errors import UsageError
from sesh.keys import Key


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("C-c", b"\x03"),
        ("c-C", b"\x03"),
        ("^C", b"\x03"),
        ("C-\\", b"\x1c"),
        ("C-[", b"\x1b"),
        ("C-]", b"\x1d"),
        ("C-_", b"\x1f"),
        ("C-@", b"\0"),
        ("C-Space", b"\0"),
        ("C-?", b"\x7f"),
        ("M-x", b"\x1bx"),
        ("C-M-x", b"\x1b\x18"),
        ("M-C-x", b"\x1b\x18"),
        ("M-Enter", b"\x1b\r"),
        ("Enter", b"\r"),
        ("enter", b"\r"),
        ("Escape", b"\x1b"),
        ("Tab", b"\t"),
        ("BTab", b"\x1b[Z"),
        ("S-Tab", b"\x1b[Z"),
        ("Space", b" "),
        ("BSpace", b"\x7f"),
        ("Up", b"\x1b[A"),
        ("C-Left", b"\x1b[1;5D"),
        ("S-Up", b"\x1b[1;2A"),
        ("Home", b"\x1b[H"),
        ("F1", b"\x1bOP"),
        ("S-F1", b"\x1b[1;2P"),
        ("F5", b"\x1b[15~"),
        ("F12", b"\x1b[24~"),
        ("M-F5", b"\x1b[15;3~"),
        ("DC", b"\x1b[3~"),
        ("PPage", b"\x1b[5~"),
        ("NPage", b"\x1b[6~"),
        ("x", b"x"),
        ("S-x", b"X"),
        ("-", b"-"),
        ("M--", b"\x1b-"),
        ("ä", "ä".encode()),
    ],
)
def test_keys_send_what_a_terminal_sends(name: str, sent: bytes) -> None:
    assert Key.parse(name).sent == sent


@pytest.mark.parametrize("name", ["", "Entre", "C-", "C-é", "C-ß", "F13", "F0", "C-Enterx", "X-c", "ab"])
def test_what_is_no_key_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="is not a key"):
        Key.parse(name)


@pytest.mark.parametrize(
    ("name", "normal", "application"),
    [("Up", b"\x1b[A", b"\x1bOA"), ("Home", b"\x1b[H", b"\x1bOH"), ("C-Up", b"\x1b[1;5A", b"\x1b[1;5A")],
)
def test_cursor_keys_are_as_the_program_wants_them(name: str, normal: bytes, application: bytes) -> None:
    assert Key.parse(name).sent == normal
    assert Key.parse(name).application == application
