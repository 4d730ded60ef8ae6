"""When the parts of a session have something to do."""

from __future__ import annotations

from typing import Protocol

NEVER = float("inf")  # in the place of a time (monotonic), for what is not planned


class Part(Protocol):
    """A part of the session that does something when its time has come."""

    @property
    def due(self) -> float:
        """The time (monotonic) from which on it has something to do.

        A turn asks for it twice. So a part keeps it, and changes it with what it follows from.
        """

    def act(self, now: float) -> None:
        """Do it."""
