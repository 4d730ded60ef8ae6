"""Keepalive of a link: ping the other side after some silence, give the link up after more, retry with back-off."""

from __future__ import annotations

import os
import time

from sesh.errors import LoginRefused, TimedOut, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    Value = TypeVar("Value")

PING_AFTER, LOST_AFTER = 4.0, 12.0
"""Seconds of silence before a ping, and before the link counts as lost: the user hears of it within 15 s."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
STOOD = 10.0
"""Seconds after which a link that was opened again counts as one that stands."""


class Keepalive:
    """The silence on one link. A local daemon needs none (`enabled` false): its socket tells when it is gone."""

    def __init__(self, *, enabled: bool) -> None:
        self.heard_at = time.monotonic()
        self.due = self.heard_at + PING_AFTER if enabled else 0.0
        """Time at which to call `check` (monotonic); 0 for never."""

    def heard(self) -> None:
        """Note that something arrived."""
        self.heard_at = time.monotonic()

    def check(self, now: float) -> bool:
        """Return True if the link is to be pinged, False if it is lost. Call when `due`."""
        if now - self.due > PING_AFTER:  # this process was stopped, or the machine slept: nothing could arrive
            self.heard_at = max(self.heard_at, now - LOST_AFTER + PING_AFTER)
        silent = now >= self.heard_at + LOST_AFTER
        self.due = now + PING_AFTER if silent else min(now + PING_AFTER, self.heard_at + LOST_AFTER)
        return not silent


class Backoff:
    """The pauses before the attempts to open a link again: 0.25 s, 0.5, … up to 10, and up to a quarter more by chance.

    They begin anew with a link that has stood for `STOOD` seconds: if links die at once the pauses go on growing.
    """

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE
        self._opened_at = -STOOD

    def pauses(self) -> Iterator[float]:
        """Yield the seconds to wait before each attempt, without end."""
        if time.monotonic() >= self._opened_at + STOOD:
            self._pause = _FIRST_PAUSE
        while True:
            pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
            yield pause * (1 + os.urandom(1)[0] / 1024)  # many clients of one host shall not all come at once

    def retry(
        self,
        attempt: Callable[[], Value],
        host: str,
        *,
        deadline: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        at_once: bool = False,
    ) -> Value:
        """Return the value of `attempt`, which is made after one pause after the other until the host answers.

        `deadline`: for all of them (monotonic); `sleep`: waits, and may raise to end the waiting; `at_once`: no pause
        before the first attempt. Raises TimedOut past the deadline, LoginRefused if a person has to log in, and any
        other error of the attempt.
        """
        pauses = self.pauses()
        while True:
            pause, at_once = 0.0 if at_once else next(pauses), False
            left = pause if deadline is None else deadline - time.monotonic()
            if deadline is not None and left <= 0:
                raise TimedOut(f"timed out: @{host} is still unreachable")
            sleep(min(pause, left))
            try:
                value = attempt()
            except LoginRefused:
                raise
            except (Unreachable, TimedOut):
                continue
            self._opened_at = time.monotonic()
            return value
