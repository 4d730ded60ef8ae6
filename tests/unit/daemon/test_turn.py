"""When the turn of a program that shows its work is over, by what each look sees. The clock is a stand-in."""

from __future__ import annotations

import time

import pytest

from sesh.daemon.activity.turn import Shown, Turn, Work
from sesh.vt.pen import DEFAULT


def over(frames: list[str], monkeypatch: pytest.MonkeyPatch, *, apart: float = 0.4) -> bool:
    """Whether it is, once these rows were seen one after the other and then nothing for a while."""
    shown, now = iter(frames), [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    turn = Turn(lambda: Shown([(row := list(next(shown)), [DEFAULT] * len(row))], None))
    for head in range(1, len(frames) + 1):
        now[0] += apart
        turn.look(head, now[0])
    now[0] += 3.1
    turn.look(len(frames), now[0])
    return turn.work == Work.OVER


@pytest.mark.parametrize(
    ("frames", "apart", "ends"),
    [
        ([f"thinks {number}" for number in range(10)], 0.4, True),
        ([f"thinks {number}" for number in range(10)], 1.0, False),  # a clock
        ([f"thinks {number}" for number in range(5)], 0.4, False),  # a short while
        (["the same"] * 12, 0.4, False),
        (["x" * width for width in range(10, 22)], 0.4, False),  # a window that is dragged
    ],
)
def test_who_changed_cells_for_some_seconds_and_changes_none_has_its_turn_over(
    monkeypatch: pytest.MonkeyPatch, frames: list[str], apart: float, ends: bool
) -> None:
    assert over(frames, monkeypatch, apart=apart) is ends
