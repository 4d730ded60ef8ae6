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

    def size(self) -> tuple[int, int, int, int]:
        return 80, 24, 0, 0


def shown(display: Display, output: bytes) -> None:
    """Shows output and has the ledger follow it."""
    display.show(output)
    while display.unread:
        display.update_ledger()


def test_what_is_little_is_followed_at_once() -> None:
    """The client woke up once more behind each echo."""
    display = Display(Left())  # type: ignore[arg-type]
    display.show(b"x")
    assert not display.unread
    shown(display, b"\x1b[?2004h")  # loads what follows sequences
    display.show(b"\x1b[?25l$ ")
    assert not display.unread
    display.on_link = True  # there the pause behind output has other uses
    display.show(b"x")
    assert display.unread


def test_while_the_program_itself_wants_reports_of_the_focus_sesh_has_none_to_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each piece of an editor's output was looked at once more."""
    monkeypatch.setenv("TERM", "xterm-kitty")
    left = Left()
    display = Display(left)  # type: ignore[arg-type]
    for output in (b"\x1b[?1004h", b"text"):
        shown(display, output)
    with monkeypatch.context() as patched:
        patched.setattr(display, "draw", lambda _: pytest.fail("something is drawn"))
        display.show_own()
    shown(display, b"\x1b[?1004l")
    display.show_own()
    assert left.written.endswith(b"\x1b[?1004l\x1b[?1004h")


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
