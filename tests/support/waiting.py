"""Waiting for what must become true, with a bound and without guessing at how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE = 60.0
"""Seconds for what takes a moment: a busy machine takes many times longer, and who waits in vain is in no hurry."""


def wait_until(
    predicate: Callable[[], Value | None],
    timeout: float = PATIENCE,
    interval: float = 0.02,
    what: str | None = None,
    *,
    pause: Callable[[float], object] = time.sleep,
    portrait: Callable[[], str] = str,
) -> Value:
    """The first true value of `predicate`; AssertionError after `timeout` seconds.

    It is asked again after `interval` seconds, then less and less often, as a question may start processes. A file that
    it reads may still be missing. `pause` is what is done between two questions; `portrait` shows, in the error, how
    things stand.
    """
    longest = 10 * interval
    deadline = time.monotonic() + timeout
    while True:
        with suppress(FileNotFoundError):
            if value := predicate():
                return value
        if time.monotonic() >= deadline:
            what = what or getattr(predicate, "__name__", str(predicate))
            raise AssertionError(f"not within {timeout:g} s: {what}\n{portrait()}".rstrip())
        pause(interval)
        interval = min(1.25 * interval, longest)


def rest_until(moment: float) -> None:
    """Sleeps until a moment (monotonic) that is still to come, to do so much in a time and no more."""
    time.sleep(max(0.0, moment - time.monotonic()))
