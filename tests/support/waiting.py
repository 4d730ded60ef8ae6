"""Waiting for what must become true, with a bound and without guessing at how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_until(
    predicate: Callable[[], Value | None],
    timeout: float = 10,
    interval: float = 0.02,
    what: str | None = None,
    *,
    pause: Callable[[float], object] = time.sleep,
    portrait: Callable[[], str] = str,
) -> Value:
    """The first true value of `predicate`, asked every `interval` seconds; AssertionError after `timeout` seconds.

    `pause` is what is done between two questions; `portrait` shows, in the error, how things stand.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            what = what or getattr(predicate, "__name__", str(predicate))
            raise AssertionError(f"not within {timeout:g} s: {what}\n{portrait()}".rstrip())
        pause(interval)


def rest_until(moment: float) -> None:
    """Sleeps until a moment (monotonic) that is still to come, to do so much in a time and no more."""
    time.sleep(max(0.0, moment - time.monotonic()))
