"""What is fed to a job's stdin arrives in order, and each request is answered once it is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.base.due import Agenda
from sesh.daemon.pty.stdin_pipe import MAX_WAITING, StdinPipe
from sesh.errors import Refused


class Job:
    """A pipe that nobody reads but `read`, and the answers to the requests by number."""

    def __init__(self) -> None:
        self.outlet, inlet = os.pipe()
        os.set_blocking(self.outlet, False)
        self.pipe = StdinPipe(Agenda(), inlet)
        self.answers: list[tuple[int, bool]] = []
        self.got = b""

    def feed(self, number: int, data: bytes, *, ends: bool = False, feeder: str = "first") -> None:
        self.pipe.feed(
            feeder, lambda is_open: self.answers.append((number, is_open)), self.pipe.received, data, ends=ends
        )

    def read(self) -> None:
        """Take all that is in the pipe, and have the pipe written, until nothing waits."""
        while True:
            if self.pipe.wants_write:
                self.pipe.write()
            if not (block := self._block()):
                return
            self.got += block

    def _block(self) -> bytes:
        try:
            return os.read(self.outlet, 1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.pipe.close()
        os.close(self.outlet)


@pytest.fixture
def job() -> Iterator[Job]:
    own = Job()
    yield own
    own.close()


def test_each_of_several_requests_in_a_row_is_answered(job: Job) -> None:
    """The second took the first one's place, and that was never answered."""
    blocks = [b"a" * 100_000, b"b" * 100_000, b"c" * 100_000]
    for number, block in enumerate(blocks):
        job.feed(number, block)
    assert job.answers == []
    job.read()
    assert job.got == b"".join(blocks)
    assert job.answers == [(0, True), (1, True), (2, True)]


def test_a_pipe_that_closes_answers_all(job: Job) -> None:
    for number in range(3):
        job.feed(number, b"x" * 100_000)
    job.pipe.close()
    assert job.answers == [(0, False), (1, False), (2, False)]


def test_what_waits_is_bounded(job: Job) -> None:
    job.feed(0, b"x" * MAX_WAITING)
    with pytest.raises(Refused):
        job.feed(1, b"y" * 100_000)
    job.read()
    assert job.answers == [(0, True)]
    job.feed(2, b"z")
    job.read()
    assert job.got == b"x" * MAX_WAITING + b"z"


def test_an_earlier_feeder_is_not_answered(job: Job) -> None:
    job.feed(0, b"x" * 100_000)
    job.feed(1, b"y", feeder="second")
    job.read()
    assert job.answers == [(1, True)]


@given(st.lists(st.integers(0, 90_000), max_size=8), st.lists(st.booleans(), max_size=8))
def test_bytes_arrive_once_and_in_order_and_answers_follow_them(sizes: list[int], reads: list[bool]) -> None:
    job, sent = Job(), b""
    for number, size in enumerate(sizes):
        block = bytes([number]) * size
        sent += block
        job.feed(number, block)
        if number < len(reads) and reads[number]:
            job.read()
            assert [each for each, _ in job.answers] == [*range(number + 1)]
    job.feed(len(sizes), b"", ends=True)
    job.read()
    assert job.got == sent
    assert [each for each, _ in job.answers] == [*range(len(sizes) + 1)]
    job.close()
