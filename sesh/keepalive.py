"""Whether the other side of a link is still there: asked after a while of silence, given up after a longer one."""

from __future__ import annotations

import time

ASK, LOST = 4.0, 12.0
"""Seconds between two questions, and of silence after which the link counts as lost: within 15 s people know of it."""


class Pulse:
    """The silence on one link. For a local daemon nobody asks: its socket tells when it is gone."""

    def __init__(self, *, wanted: bool) -> None:
        self.heard_at = time.monotonic()
        self.due = self.heard_at + ASK if wanted else 0.0
        """When to ask, or to give up (monotonic); 0 for never."""

    def heard(self) -> None:
        """Something came."""
        self.heard_at = time.monotonic()

    def beat(self, now: float) -> bool:
        """At `due`: whether the link still counts as standing and is to be asked."""
        if now - self.due > ASK:  # this process was stopped, or the machine slept: nobody could be heard
            self.heard_at = max(self.heard_at, now - LOST + ASK)
        silent = now >= self.heard_at + LOST
        self.due = now + ASK if silent else min(now + ASK, self.heard_at + LOST)
        return not silent
