"""When the turn of a program that shows its work is over. The clock is simulated."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from sesh.daemon.activity import turn as module
from sesh.daemon.activity.turn import Turn, Work
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model

WORK = [f"thinks {number}" for number in range(10)]


@pytest.mark.parametrize(
    ("frames", "apart", "over"),
    [
        (WORK, 0.4, True),
        (WORK, 1.0, False),  # a clock
        (WORK[:5], 0.4, False),  # a short while
        (["the same"] * 12, 0.4, False),
        (list(range(10, 22)), 0.4, False),  # a window that is dragged
    ],
)
def test_a_program_that_changed_cells_for_some_seconds_and_changes_none_has_its_turn_over(
    monkeypatch: pytest.MonkeyPatch, frames: list[str | int], apart: float, over: bool
) -> None:
    log, now = OutputLog(), [time.monotonic()]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    model = Model(log, 80, 24)
    turn = Turn(model)
    for frame in frames:
        now[0] += apart
        if isinstance(frame, int):
            model.resize(frame, 24)
        log.append(f"\r{frame} go on?".encode())
        turn.check(log.head, now[0])
    now[0] += 3.1
    turn.check(log.head, now[0])
    assert (turn.work == Work.OVER, bool(turn.question)) == (over, over)
