"""What marks tell of typed commands, whatever a program prints in their place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.shell.history import MAX_COMMAND, parse_command


@given(st.binary(max_size=200))
def test_no_mark_raises_or_tells_what_a_terminal_acts_upon(body: bytes) -> None:
    for mark in (body, b"C;cmdline_url=" + body, b"C;aid=1;cmdline_url=" + body):
        command = parse_command(mark)
        assert command is None or all(each.isprintable() or each in "\n\t" for each in command)


def test_commands_are_decoded_and_bounded() -> None:
    assert parse_command(b"C") is None
    assert parse_command(b"C;cmdline_url=") is None
    assert parse_command(b"C;cmdline_url=echo%20a%3B%0Als%20100%25%zz") == "echo a;\nls 100%%zz"
    assert parse_command(b"C;cmdline_url=" + b"x" * 100_000) == "x" * MAX_COMMAND
