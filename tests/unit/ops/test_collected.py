"""The end of a job's output, as it is collected for who wants it once the job has ended."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.ops import jobs


@given(st.lists(st.binary(max_size=20)))
def test_the_end_is_kept_and_the_rest_is_counted(blocks: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "COLLECTED", 30)
        collected = jobs.Collected()
        for block in blocks:
            collected.take(block)
    whole = b"".join(blocks)
    assert (collected.end(), collected.dropped) == (whole[-30:], max(0, len(whole) - 30))


def test_output_that_comes_byte_by_byte_takes_no_more_memory_than_it_has_bytes() -> None:
    """Each block was kept as it came: one of two bytes took forty."""
    collected = jobs.Collected()
    tracemalloc.start()
    for _ in range(50_000):
        collected.take(b"xy")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 2 * 100_000
