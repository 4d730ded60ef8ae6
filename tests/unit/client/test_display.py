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
