"""The input queue: whole units, in order, in turn, through a program that takes as much as it likes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.pty.input_queue import InputQueue

UNITS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=30)
"""(writer, length) of each unit."""
ROOM = st.lists(st.integers(0, 25), max_size=80)


def queued(units: list[tuple[int, int]]) -> tuple[InputQueue, list[bytes], list[tuple[int, bool]]]:
    """A queue with units of bytes that tell them apart; the units, and a list of those that are done."""
    queue = InputQueue()
    finished: list[tuple[int, bool]] = []
    pieces = [bytes([index]) * length for index, (_, length) in enumerate(units)]
    for index, ((writer, _), piece) in enumerate(zip(units, pieces, strict=True)):
        queue.add(writer, piece, lambda whole, index=index: finished.append((index, whole)))  # type: ignore[misc]
    return queue, pieces, finished


def pending(queue: InputQueue) -> list[bytes]:
    """The bytes of all that has not been written, unit by unit."""
    return [bytes(data) for data, _ in queue.units()]


def turns(units: list[tuple[int, int]]) -> list[int]:
    """The order of units when writers take turns: each writer's next one, in the order of the writers' coming."""
    waiting: dict[int, list[int]] = {}
    for index, (writer, _) in enumerate(units):
        waiting.setdefault(writer, []).append(index)
    order: list[int] = []
    while waiting:
        for writer in list(waiting):
            order.append(waiting[writer].pop(0))
            if not waiting[writer]:
                del waiting[writer]
    return order


@given(UNITS, ROOM)
def test_units_are_written_whole_in_turn_and_each_is_done_once(units: list[tuple[int, int]], room: list[int]) -> None:
    queue, pieces, finished = queued(units)
    whole = b"".join(pieces[index] for index in turns(units))
    assert b"".join(pending(queue)) == whole
    written = bytearray()
    for space in [*room, len(whole)]:
        left = space

        def write(view: memoryview) -> int:
            nonlocal left
            taken = min(left, len(view))
            left -= taken
            written.extend(view[:taken])
            return taken

        queue.drain(write)
        assert bytes(written) + b"".join(pending(queue)) == whole
        assert queue.size == len(whole) - len(written) == sum(queue.waiting(writer) for writer in range(4))
    assert bytes(written) == whole
    assert finished == [(index, True) for index in turns(units)]
    assert not queue
    assert queue._writers == {}


@given(UNITS, st.integers(0, 200))
def test_what_is_dropped_is_done_too_and_says_so(units: list[tuple[int, int]], room: int) -> None:
    queue, _, finished = queued(units)

    def write(view: memoryview) -> int:
        nonlocal room
        taken = min(room, len(view))
        room -= taken
        return taken

    queue.drain(write)
    queue.clear()
    assert sorted(index for index, _ in finished) == list(range(len(units)))
    assert [whole for _, whole in finished] == sorted((whole for _, whole in finished), reverse=True)
    assert not queue
    assert (queue.size, pending(queue)) == (0, [])


def test_a_writer_that_comes_between_waits_for_one_unit_only() -> None:
    queue = InputQueue()
    for _ in range(3):
        queue.add("paste", b"ppp")
    queue.drain(lambda view: 0 if len(view) < 3 else 1)
    queue.add("key", b"k")
    assert pending(queue) == [b"pp", b"k", b"ppp", b"ppp"]


def test_a_unit_is_not_lost_where_its_first_write_fails() -> None:
    queue, _, finished = queued([(0, 5), (1, 5)])

    def gone(view: memoryview) -> int:
        raise OSError(5, "its terminal is gone")

    try:
        queue.drain(gone)
    except OSError:
        queue.clear()
    assert finished == [(0, False), (1, False)]
