"""The output of one of several hosts, taken in pieces and shown in lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli import printing
from sesh.cli.fanout import HostOutput

PIECES = st.lists(
    st.sampled_from([b"", b"\n", b"a", "ä".encode(), b"long" * 5_000]) | st.binary(max_size=9), max_size=30
)


@given(PIECES)
def test_every_line_is_shown_once_at_the_latest_at_the_end(pieces: list[bytes]) -> None:
    shown: list[bytes] = []
    out = HostOutput("host", json=False, follows=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "write", shown.append)
        for piece in pieces:
            out.write(piece)
        out.finish_line()
    lines = b"".join(shown).removesuffix(b"\n").split(b"\n") if any(shown) else []
    assert all(line.startswith(b"host: ") for line in lines)
    lines = [line.removeprefix(b"host: ") for line in lines]
    whole = b"".join(pieces)
    if len(whole) <= printing.MAX_PIECE:
        assert b"\n".join(lines) == whole.removesuffix(b"\n")
    assert b"".join(lines) == whole.replace(b"\n", b"")
