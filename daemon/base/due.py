"""When the parts of a session have something to do. Times are monotonic."""

from __future__ import annotations

from abc import abstractmethod

NEVER = float("inf")  # in the place of a time, for what is not planned


class Agenda:
    """Keeps when each part is due, so that a turn asks one table and not every part."""

    def __init__(self) -> None:
        self.times: dict[Part, float] = {}  # of the parts that are due at some time

    def next(self) -> float:
        """Return when the next part is due; NEVER if none is."""
        return min(self.times.values()) if self.times else NEVER


class Part:
    """A part of the session that does something when its time has come."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    @property
    def due(self) -> float:
        """The time from which on it has something to do; it changes with what it follows from."""
        return self._agenda.times.get(self, NEVER)

    @due.setter
    def due(self, time: float) -> None:
        if time == NEVER:
            self._agenda.times.pop(self, None)
        else:
            self._agenda.times[self] = time

    @abstractmethod
    def act(self, now: float) -> None:
        """Do it."""
