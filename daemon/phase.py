"""The phase of a session: the one place that knows whether its program has ended, and what becomes of the session."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Phase(Enum):
    """The phases of a session, in their order."""

    RUNNING = "running"
    """The program runs."""
    ENDING = "ending"
    """Each process of the session is being ended, as somebody asked for that."""
    KEPT = "kept"
    """The program has ended; the session stays readable under its name."""
    LEFT = "left"
    """The program ended while nobody was attached: the files stay when the daemon is gone."""
    REMOVED = "removed"
    """The program has ended, and the files are removed; the daemon goes once its peers know."""
    ABANDONED = "abandoned"
    """The machine shuts down: the daemon goes, and the session is there to be restored."""


class Life:
    """The phase of one session, and those who are told of the program's end."""

    def __init__(self) -> None:
        self.phase = Phase.RUNNING
        self._told: list[Callable[[], object]] = []

    @property
    def running(self) -> bool:
        """True until the program has ended."""
        return self.phase in (Phase.RUNNING, Phase.ENDING)

    def on_end(self, call: Callable[[], object]) -> None:
        """Call `call` when the program has ended."""
        self._told.append(call)

    def become(self, phase: Phase) -> None:
        """Set the phase; tell everybody who has asked if the program has ended with it."""
        ended = self.running
        self.phase = phase
        if ended and not self.running:
            for call in self._told:
                call()
