"""The output of a command as it comes, without escape sequences however it is cut."""

from __future__ import annotations

import pytest

from sesh.ops.shell import OutputWriter, without_sequences

OUTPUTS = {
    b"a\x1b[1;31mb\x1b[0mc": b"abc",
    b"a\x1b]0;title\x07b": b"ab",
    b"a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b": b"alinkb",
    b"a\x1bPq#0\x1b\\b\x1b(Bc\x1b7": b"abc",
    b"a\x1bktitle\x1b\\b": b"ab",
    b"a\x1b]0;unfinished": b"a\x1b]0;unfinished",
}


@pytest.mark.parametrize(("output", "text"), OUTPUTS.items())
def test_a_sequence_that_is_cut_anywhere_is_left_out(output: bytes, text: bytes) -> None:
    """A title whose terminator was cut in two was printed as text."""
    assert without_sequences(output) == text
    for cut in range(len(output) + 1):
        parts: list[bytes] = []
        live = OutputWriter(parts.append, ansi=False)
        live.write(output[:cut])
        live.write(output[cut:])
        live.write(b"", last=True)
        assert b"".join(parts) == text
