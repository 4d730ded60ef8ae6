"""The memory of a daemon: which process the kernel kills when memory runs out, and what goes back to the system."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

from sesh import machine

_OOM_SCORE = "/proc/self/oom_score_adj"
_OOM_ROOM = 100
"""Added to `oom_score_adj` of a session's program, so that the kernel kills the program before the daemon."""


def yield_memory() -> None:
    """Make the kernel kill this process before its parent when memory runs out (proc(5))."""
    score = _oom_score()
    if score is not None:
        _write_oom_score(min(1000, score + _OOM_ROOM))


def outlive_programs() -> None:
    """Undo `yield_memory` for a process that was started in a session."""
    score = oom_score_outside()
    if score is not None:
        _write_oom_score(score)


def oom_score_outside() -> int | None:
    """Return this process's `oom_score_adj` without the `_OOM_ROOM` that `yield_memory` added; None if unknown.

    The result may differ from 0 by configuration (systemd's DefaultOOMScoreAdjust=).
    """
    score = _oom_score()
    if score is not None and score >= _OOM_ROOM and "SESH_SESSION" in os.environ:
        return score - _OOM_ROOM
    return score


def _oom_score() -> int | None:
    try:
        return int(machine.content(_OOM_SCORE))
    except ValueError:
        return None


def _write_oom_score(score: int) -> None:
    with suppress(OSError), open(_OOM_SCORE, "wb", buffering=0) as file:  # /proc is hidden, or only root may lower it
        file.write(str(score).encode())


def trim_memory() -> None:
    """Return unused memory to the system (malloc_trim(3), where available)."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        return
