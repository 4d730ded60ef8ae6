"""The log of output: what is read is what was written, whatever was trimmed and however it came."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sesh import system
from sesh.daemon.pty import backlog, output_log
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
            assert kept.bytes(0) == model[kept.base - base :]
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
    """A block for each byte of an interactive session would have cost twenty megabytes, and a long move at each key."""
    kept = OutputLog()
    for _ in range(300_000):
        kept.append(b"x")
    assert len(kept._blocks) < 100
    kept.trim(kept.head)
    assert len(kept.bytes(0)) < RETAINED + 8192


def test_a_view_stays_as_it_was_while_its_block_grows() -> None:
    kept = OutputLog()
    kept.append(b"abc")
    view = kept.read(0, 3)[0]
    kept.append(b"def")
    assert (bytes(view), kept.bytes(0)) == (b"abc", b"abcdef")


def test_a_log_begins_anew_where_another_one_was() -> None:
    kept = OutputLog()
    kept.append(b"old")
    kept.restore(1000, b"new")
    assert (kept.base, kept.head, kept.bytes(0)) == (1000, 1003, b"new")
    kept.restore(7, b"")
    assert (kept.base, kept.head, kept.read(7, 1)) == (7, 7, [])


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(2_000, 9_000)),
            st.tuples(st.sampled_from(["trim", "read"]), st.integers(0, 100)),
            st.tuples(st.just("fail"), st.integers(0, 3)),
        ),
        min_size=10,
        max_size=80,
    )
)
@example([*[("append", 8_000)] * 4, ("trim", 60)] * 9)
def test_output_on_disk_is_read_as_it_was_written_and_no_fault_of_the_disk_costs_a_byte(
    steps: list[tuple[str, int]],
) -> None:
    memory, largest, faults, seconds = 20_000, 40_000, [0], count(0, 2)
    write: Callable[[int, memoryview, int], int] = os.pwrite

    def torn(descriptor: int, data: memoryview, offset: int) -> int:
        if faults[0]:
            faults[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: max(1, len(data) // 2)], offset)

    os.makedirs(os.environ["SESH_DIR"], mode=0o700, exist_ok=True)
    before = sorted(os.listdir(os.environ["SESH_DIR"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(system, "on_local_disk", lambda _: True)
        patch.setattr(backlog, "RESERVE", 0)
        for name, value in (("IN_MEMORY", memory), ("MOVED", 5_000), ("LARGEST", largest)):
            patch.setattr(output_log, name, value)
        patch.setattr(os, "pwrite", torn)
        patch.setattr(time, "monotonic", lambda: float(next(seconds)))  # a disk that failed is tried again at once
        log, written = OutputLog(), b""
        log.on_disk, log.retained = True, 1000
        for number, (step, value) in enumerate(steps):
            position = log.base + value * (log.head - log.base) // 100
            if step == "append" and log.head - log.base + value <= largest:
                block = bytes((number + index) & 0xFF for index in range(value))
                written += block
                log.append(block)
            elif step == "trim":
                log.trim(position)
            elif step == "read":
                assert b"".join(log.read(position, 30_000)) == written[position:][:30_000]
            else:
                faults[0] = value
            assert log.bytes(log.base) == written[log.base :]
            assert faults[0] or log.base == log.in_memory or log.head - log.in_memory < 2 * memory
        log.trim(log.head)
        assert sorted(os.listdir(os.environ["SESH_DIR"])) == before
