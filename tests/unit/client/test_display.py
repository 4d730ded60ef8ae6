"""What the terminal is left with."""

from __future__ import annotations

import pytest

from sesh.client.display import Display
from sesh.messages import Message


class Left:
    """A terminal that notes what is done with it at the end."""

    def __init__(self) -> None:
        self.written, self.discarded = b"", False

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)

    def write_all(self, data: bytes, _seconds: float) -> bool:
        self.write(data)
        return True

    def discard(self, _seconds: float) -> None:
        self.discarded = True

    def grid(self) -> tuple[int, int]:
        return 80, 24


@pytest.mark.parametrize(
    ("farewell", "open_queries"),
    [
        ({}, True),
        ({"reason": "detached", "rows_below": 0, "queries": True}, True),
        ({"reason": "detached", "rows_below": 0, "queries": False}, False),
        ({"code": 0, "rows_below": 0}, False),
    ],
)
def test_replies_that_may_still_come_reach_no_shell_outside(farewell: Message, open_queries: bool) -> None:
    """Where the daemon's goodbye had not come, a late reply was typed at the prompt."""
    left = Left()
    display = Display(left)  # type: ignore[arg-type]
    display.show(b"output")
    display.leave(["detached from work"], farewell)
    assert left.discarded is open_queries
    assert left.written.endswith(b"[detached from work]\r\n")


class Slow(Left):
    """A terminal that takes a few bytes at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.room = self.calls = 0

    def write(self, data: bytes | memoryview) -> int:
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.calls += 1
        return super().write(taken)


def test_what_a_terminal_takes_late_reaches_it_whole_and_in_order() -> None:
    terminal = Slow()
    display = Display(terminal)  # type: ignore[arg-type]  # what of it is called
    expected = b""
    for size, room in ((10, 4), (5000, 0), (3, 7), (4000, 9000), (4096, 0), (1, 1), (70_000, 13), (2, 80_000), (9, 9)):
        block = bytes(0x20 + (len(expected) + at) % 64 for at in range(size))
        expected += block
        terminal.room = room
        display.show(block)
        display.flush()
        assert display.pending == len(expected) - len(terminal.written)
    terminal.room = len(expected)
    display.flush()
    assert (terminal.written, display.pending) == (expected, 0)


def test_small_blocks_that_wait_are_joined() -> None:
    terminal = Slow()
    display = Display(terminal)  # type: ignore[arg-type]  # what of it is called
    for _ in range(10_000):
        display.draw(b"x" * 20)
    terminal.calls, terminal.room = 0, display.pending
    display.flush()
    assert (display.pending, len(terminal.written)) == (0, 200_000)
    assert terminal.calls < 60


def test_no_character_is_ever_broken_off_on_the_terminal() -> None:
    """One that a lost link had cut printed, and wrapped at the end of a full row."""
    left = Left()
    display = Display(left)  # type: ignore[arg-type]
    display.show(b"a" + "世".encode()[:2])
    display.draw(b"\x1b7a line\x1b8")
    display.show("世".encode()[2:] + b"b" + "é".encode()[:1])
    assert left.written == b"a\x1b7a line\x1b8" + "世b".encode()
    display.screen(b"\x1b[Hnew")
    assert left.written.endswith(b"b\x1b[Hnew")
