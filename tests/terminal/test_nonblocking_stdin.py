"""Verbs read a non-blocking stdin, as a parent in Node.js leaves it, to its end."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sesh.system import descriptors
from tests.support import Home, wait_until
from tests.terminal.looking import screen


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: sesh reads the first end; the test writes and closes the second."""
    inbound, outbound = os.pipe()
    os.set_blocking(inbound, False)
    yield inbound, outbound
    os.close(inbound)


def test_a_text_that_comes_in_parts_is_typed_whole(home: Home, pipe: tuple[int, int]) -> None:
    """`send NAME -` must not fail with an internal error after the first part."""
    home.sesh("open", "work", "--", "cat")
    sending = home.start("send", "work", "-", stdin=pipe[0])
    os.write(pipe[1], b"one\n")
    wait_until(lambda: descriptors.unread(pipe[0]) == 0, "sesh has read the first line")
    os.write(pipe[1], b"two\n")
    os.close(pipe[1])
    sending.communicate(timeout=30)
    assert sending.returncode == 0
    wait_until(lambda: "one\ntwo" in screen(home, "work"), "work shows 'one two'")


def test_a_job_that_is_fed_in_parts_gets_all_of_it(home: Home, pipe: tuple[int, int]) -> None:
    job = home.start("exec", "--stdin", "--follow", "--", "cat", stdin=pipe[0])
    assert job.stdout is not None
    for line in (b"one\n", b"two\n"):
        os.write(pipe[1], line)
        assert job.stdout.readline() == line
    os.close(pipe[1])
    job.communicate(timeout=30)
    assert job.returncode == 0
