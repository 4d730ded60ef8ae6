"""When a program that shows its work has stopped working. The clock is simulated."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sesh.daemon.activity import screen_work as module
from sesh.daemon.activity.screen_work import ScreenWork, WorkState
from sesh.daemon.base.due import Agenda
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.base.phase import Lifecycle
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.feed import ScreenFeed

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
def test_a_program_that_changed_cells_for_some_seconds_and_changes_none_has_stopped_working(
    monkeypatch: pytest.MonkeyPatch, frames: list[str | int], apart: float, over: bool
) -> None:
    log, now = OutputLog(), [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    feed = ScreenFeed(Agenda(), log, (80, 24, 0, 0), Lifecycle(), FaultLog())
    work = ScreenWork(feed)
    for frame in frames:
        now[0] += apart
        if isinstance(frame, int):
            feed.resize((frame, 24, 0, 0))
        log.append(f"\r{frame} go on?".encode())
        work.check(log.head, now[0])
        assert len(frames) < 12 or work.changed_at == 100.4  # the first screen is a change, too
    now[0] += 3.1
    work.check(log.head, now[0])
    assert (work.state == WorkState.OVER, bool(work.question)) == (over, over)
