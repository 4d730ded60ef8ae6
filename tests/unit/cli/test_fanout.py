"""The output of one of several hosts, taken in pieces and shown in lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.cli import printing
from sesh.cli.fanout import Lines

PIECES = st.lists(
    st.sampled_from([b"", b"\n", b"a", "ä".encode(), b"long" * 5_000]) | st.binary(max_size=9), max_size=30
)


@given(PIECES)
def test_every_line_is_shown_once_at_the_latest_at_the_end(pieces: list[bytes]) -> None:
    shown: list[bytes] = []
    lines = Lines(shown.extend)
    for piece in filter(None, pieces):
        lines.take(piece)
    lines.take(b"")
    whole = b"".join(pieces)
    if len(whole) <= printing.MAX_PIECE:
        assert b"\n".join(shown).rstrip(b"\n") == whole.rstrip(b"\n")
    assert b"".join(shown) == whole.replace(b"\n", b"")
