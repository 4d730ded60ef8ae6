"""What a slow terminal has been given is known exactly, whatever it has taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sesh.client.terminal_queue import Given, TerminalQueue

# The kind of what is added, its bytes, and the client's own bytes before and after it.
ADDED = st.tuples(st.sampled_from(("output", "screen", "own")), st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
STEPS = st.lists(ADDED | st.integers(0, 20), max_size=30)
Step = tuple[str, int, int, int] | int


class Played:
    """A queue, and beside it the position at which a terminal stands after each byte."""

    def __init__(self, steps: list[Step]) -> None:
        self.queue = TerminalQueue()
        self.stands: list[int | None] = [None]
        self.position: int | None = None
        self.ends = [0]  # positions at which a frame ends, or the first one begins
        taken = 0
        for step in steps:
            if isinstance(step, int):
                count = min(step, len(self.queue.waiting))
                self.queue.take(count)
                taken += count
            else:
                self.add(*step)
            given = self.queue.given
            assert (given and given.position) == self.stands[taken]
            if given is not None:
                self.check(given)

    def check(self, given: Given) -> None:
        """Check that the end of a frame is known, and the lines that end behind it: each byte of output is one."""
        assert given.whole_frames in {0, *self.ends}
        assert given.lines == given.size

    def add(self, kind: str, size: int, before: int, after: int) -> None:
        if kind == "own":
            self.stands += size * [self.position]
            self.queue.add(b"o" * size)
            return
        begin = self.position or 0
        end = begin + size
        inside = [begin + each if kind == "output" else self.position for each in range(1, size)]
        self.stands += [*before * [self.position], *inside, *(after + 1) * [end]]
        output_from = begin if kind == "output" else None
        self.queue.add_session(b"\n" * size, end, output_from, b"b" * before, b"a" * after)
        self.position = end
        self.ends.append(end)


@given(STEPS)
def test_output_counts_byte_by_byte_and_a_screen_as_a_whole(steps: list[Step]) -> None:
    Played(steps)


@given(STEPS)
def test_a_terminal_that_takes_the_rest_of_what_it_has_begun_stands_at_the_end_of_a_frame(steps: list[Step]) -> None:
    played = Played(steps)
    queue = played.queue
    before = queue.given
    queue.drop_later()
    assert queue.given == before
    queue.add(b"reset")
    queue.take(len(queue.waiting))
    assert queue.given in {None, *map(Given, played.ends)}
    assert (queue.given or Given(0)).position >= (before or Given(0)).position


def test_the_rest_of_a_character_of_the_frame_before_is_no_part_of_a_frame() -> None:
    queue = TerminalQueue()
    queue.add_session(b"one\n", 4, 0)
    queue.add_session("é\ntwo\n".encode(), 11, 4, rest=1)
    queue.take(4 + 4)
    assert queue.given == Given(8, size=3, lines=1)
