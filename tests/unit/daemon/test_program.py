"""A program that cannot start says why."""

from __future__ import annotations

import os

import pytest

from sesh.daemon.pty.program import Program
from sesh.errors import ExitCode, SeshError


@pytest.mark.parametrize(
    ("words", "variables"),
    [(["sh", "a\0b"], {}), (["sh"], {"A": "\0"}), (["sh"], {"A=B": "x"}), (["sh", "\ud800"], {}), (["s\0h"], {})],
)
def test_words_and_variables_that_no_program_can_be_given_are_no_missing_command(
    words: list[str], variables: dict[str, str]
) -> None:
    """A NUL in an argument was `sh: command not found`, with 127."""
    program = Program(words[0], words, "/", {**os.environ, **variables}, (80, 24, 0, 0), 0o022)
    with pytest.raises(SeshError) as raised:
        program.start()
    assert (raised.value.exit_code, raised.value.code) == (ExitCode.NOT_EXECUTABLE, "refused")
    assert "NUL" in raised.value.hint
