"""The input queue writes whole units in order, however little the program reads."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sesh.daemon.pty.pump import InputQueue

LENGTHS = st.lists(st.integers(0, 40), max_size=30)


@given(LENGTHS, st.lists(st.integers(0, 25), max_size=80))
@example([0, 0], [0])
def test_units_are_written_whole_and_in_order_and_each_is_done_once(lengths: list[int], room: list[int]) -> None:
    queue, written, finished = InputQueue(), bytearray(), list[int]()
    pieces = [bytes([index]) * length for index, length in enumerate(lengths)]
    for index, piece in enumerate(pieces):
        queue.add(piece, lambda index=index: finished.append(index))  # type: ignore[misc]
    for space in room:
        left = space

        def write(view: memoryview) -> int:
            nonlocal left
            taken = min(left, len(view))
            left -= taken
            written.extend(view[:taken])
            return taken

        queue.drain(write)
        assert bytes(written) + queue.content() == b"".join(pieces)
        assert queue.size == len(queue.content())
    done = len(finished)
    assert finished == [*range(done)]
    queue.clear()
    assert finished[done:] == [*range(done, len(lengths))]
    assert (queue.size, queue.content()) == (0, b"")
