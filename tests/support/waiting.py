"""Waiting for a condition, with a bound and without guessed pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE = 60.0
"""Seconds for what takes a moment: many, as a busy machine is slow, and only a failing test waits for all of them."""


def wait_until(
    condition: Callable[[], Value | None],
    what: str,
    *,
    timeout: float = PATIENCE,
    interval: float = 0.02,
    pause: Callable[[float], object] = time.sleep,
    portrait: Callable[[], str] = str,
) -> Value:
    """Return the first true value of `condition`. Raises AssertionError after `timeout` seconds.

    `what` is awaited: "the session has ended". The error names it, and ends with what `portrait` returns. `condition`
    is called again after `interval` seconds, then less often, because a call may start processes. A file that
    `condition` reads may still be missing. `pause` is called between two calls.
    """
    longest = 10 * interval
    deadline = time.monotonic() + timeout
    while True:
        with suppress(FileNotFoundError):
            if value := condition():
                return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}\n{portrait()}".rstrip())
        pause(interval)
        interval = min(1.25 * interval, longest)


def rest_until(moment: float) -> None:
    """Sleep until a moment (monotonic), for callers that keep to a rate."""
    time.sleep(max(0.0, moment - time.monotonic()))
