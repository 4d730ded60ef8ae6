"""The output log gives back the bytes that were appended, except those that were trimmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.pty import output_log
from sesh.daemon.pty.output_log import RETAINED, OutputLog

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(max_size=200) | st.integers(1, 3000).map(bytes)),
        st.tuples(st.just("trim"), st.floats(0, 1)),
        st.tuples(st.just("read"), st.tuples(st.floats(0, 1), st.integers(0, 5000))),
    ),
    max_size=60,
)


@given(STEPS, st.integers(0, 1 << 40))
def test_a_log_is_a_sequence_of_bytes_with_its_beginning_cut_off(steps: list[tuple[str, object]], base: int) -> None:
    before, output_log.RETAINED = output_log.RETAINED, 1000
    try:
        model, kept = b"", OutputLog(base)
        for step, value in steps:
            if step == "append":
                assert isinstance(value, bytes)
                model += value
                kept.append(value)
            elif step == "trim":
                assert isinstance(value, float)
                needed = base + int(value * len(model))
                held = kept.base
                kept.trim(needed)
                assert held <= kept.base <= max(held, min(needed, kept.head - 1000))
            else:
                assert isinstance(value, tuple)
                position = kept.base + int(value[0] * (kept.head - kept.base))
                views = kept.read(position, value[1])
                assert b"".join(views) == model[position - base :][: value[1]]
            assert kept.head == base + len(model)
            assert kept.content(0) == model[kept.base - base :]
    finally:
        output_log.RETAINED = before


def test_a_position_that_is_no_longer_held_is_refused() -> None:
    kept = OutputLog()
    for _ in range(12):
        kept.append(bytes(64 << 10))
    kept.trim(kept.head)
    assert kept.head - RETAINED - (64 << 10) <= kept.base <= kept.head - RETAINED
    for position in (0, kept.base - 1, kept.head + 1):
        with pytest.raises(LookupError):
            kept.read(position, 1)
    assert kept.read(kept.head, 10) == []


def test_keys_echoed_one_by_one_cost_little_more_than_their_bytes() -> None:
    """A block for each byte would have cost twenty megabytes in an interactive session."""
    kept = OutputLog()
    for _ in range(300_000):
        kept.append(b"x")
    assert len(kept._blocks) < 100
    kept.trim(kept.head)
    assert len(kept.content(0)) < RETAINED + 8192


def test_a_view_stays_as_it_was_while_its_block_grows() -> None:
    kept = OutputLog()
    kept.append(b"abc")
    view = kept.read(0, 3)[0]
    kept.append(b"def")
    assert (bytes(view), kept.content(0)) == (b"abc", b"abcdef")
