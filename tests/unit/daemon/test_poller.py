"""Waiting for descriptors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sesh.loop.poller import READ, WRITE, Poller


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's two ends; a test may close them."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_only_what_is_waited_for_is_ready(pipe: tuple[int, int]) -> None:
    waiting = Poller()
    read, write = pipe
    waiting.watch({read: READ, write: WRITE})
    assert waiting.wait(0) == [(write, WRITE)]
    os.write(write, b"x")
    waiting.watch({read: READ})
    assert waiting.wait(None) == [(read, READ)]
    waiting.watch({})
    assert waiting.wait(0) == []


def test_what_was_closed_is_waited_for_no_more_and_what_has_its_number_now_is(pipe: tuple[int, int]) -> None:
    """The loop closes a descriptor where it is done with it, and says what it waits for before each wait."""
    waiting = Poller()
    read, write = pipe
    os.write(write, b"x")
    waiting.watch({read: READ, write: WRITE})
    os.close(read)
    waiting.watch({})
    assert waiting.wait(0) == []
    waiting.watch({write: READ})
    other, far = os.pipe()
    os.dup2(other, write)
    waiting.watch({write: READ})
    assert waiting.wait(0) == []
    os.write(far, b"x")
    assert waiting.wait(0) == [(write, READ)]
    os.close(other)
    os.close(far)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e9])
def test_a_wait_longer_than_the_kernel_can_count_is_a_wait(pipe: tuple[int, int], seconds: float) -> None:
    """It was an error that ended the daemon, and the session with it."""
    waiting = Poller()
    waiting.watch({pipe[1]: WRITE})
    assert waiting.wait(seconds) == [(pipe[1], WRITE)]
