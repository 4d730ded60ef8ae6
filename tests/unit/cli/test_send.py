"""The keys of `--send --key`, and the order in which `--send` types."""

from __future__ import annotations

import pytest

from sesh.cli.parser import split
from sesh.cli.send import words_and_keys
from sesh.errors import UsageError
from sesh.keynames import bytes_of


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
    assert bytes_of(name) == sent


@pytest.mark.parametrize("name", ["", "Entre", "C-", "C-é", "C-ß", "F13", "F0", "C-Enterx", "X-c", "ab"])
def test_what_is_no_key_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="is not a key"):
        bytes_of(name)


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (["web", "ls"], (b"", ["ls"], b"")),
        (["web", "ls", "--enter"], (b"", ["ls"], b"\r")),
        (["--enter", "web", "ls"], (b"", ["ls"], b"\r")),
        (["web", "--enter", "ls"], (b"", ["ls"], b"\r")),
        (["web", "echo", "a", "b", "--enter"], (b"", ["echo", "a", "b"], b"\r")),
        (["web", "--key", "Escape", ":wq", "--enter"], (b"\x1b", [":wq"], b"\r")),
        (["web", "ls", "--key", "Tab", "--enter"], (b"", ["ls"], b"\t\r")),
        (["web", "ls", "--enter", "--key", "C-d"], (b"", ["ls"], b"\r\x04")),
        (["web", "--enter"], (b"\r", [], b"")),
        (["web", "y", "--enter", "--if-waiting"], (b"", ["y"], b"\r")),
        (["web", "y", "--enter", "--if-waiting", "may I"], (b"", ["y"], b"\r")),
        (["web", "--if-waiting=may I", "y", "--enter"], (b"", ["y"], b"\r")),
        (["web", "--if-waiting", "--key", "y"], (b"y", [], b"")),
        (["web", "--key", "Up", "--enter"], (b"\x1b[A\r", [], b"")),
        (["web", "--enter", "--key=C-d"], (b"\r\x04", [], b"")),
        (["web", "--key", "Enter", "x", "--enter"], (b"\r", ["x"], b"\r")),
        (["web", "--enter", "--", "-text-"], (b"", ["-text-"], b"\r")),
        (["web", "--", "--enter"], (b"", ["--enter"], b"")),
        (["web", "-"], (b"", ["-"], b"")),
    ],
)
def test_words_and_keys_are_typed_in_their_order(argv: list[str], typed: tuple[bytes, list[str], bytes]) -> None:
    name, before, texts, after, enter = words_and_keys(split(["--send", *argv]))
    assert name == "web"
    keys = b"\r" * enter + b"".join(map(bytes_of, after))
    assert (b"".join(map(bytes_of, before)), texts, keys) == typed


@pytest.mark.parametrize(
    ("name", "normal", "application"),
    [("Up", b"\x1b[A", b"\x1bOA"), ("Home", b"\x1b[H", b"\x1bOH"), ("C-Up", b"\x1b[1;5A", b"\x1b[1;5A")],
)
def test_cursor_keys_are_as_the_program_wants_them(name: str, normal: bytes, application: bytes) -> None:
    assert bytes_of(name) == normal
    assert bytes_of(name, application=True) == application
