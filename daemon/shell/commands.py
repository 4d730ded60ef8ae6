"""The commands of a session's shell: those that `--run` types, those that people type, and the history of both."""

from __future__ import annotations

from collections.abc import Callable

from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell.history import CommandMarks, History
from sesh.daemon.shell.queue import RunQueue
from sesh.loop.timers import Timers
from sesh.stored import Facts


class Commands:
    """The commands of one session. `emit` reports an event; `interrupted` says whether Ctrl-C was the last key."""

    def __init__(
        self, facts: Facts, pump: Pump, timers: Timers, emit: Callable[..., None], interrupted: Callable[[], bool]
    ) -> None:
        self._facts, self._pump, self._timers, self._emit = facts, pump, timers, emit
        self._interrupted = interrupted
        self.history = History()
        self.marks = CommandMarks(facts, pump, self.history, emit, self._mark_is_of_run)
        self.runs: RunQueue | None = None
        """Made for the first `--run`: from then on all output passes its filter."""

    def get_runs(self) -> RunQueue:
        """Return the commands for the live shell."""
        if self.runs is None:
            self.runs = RunQueue(self._facts, self._pump, self._timers, self.history, self._emit, self._interrupted)
            self._pump.filter = self.runs.filter
        return self.runs

    def runs_command(self) -> bool:
        """Tell whether a command of `--run` is under way."""
        return self.runs is not None and self.runs.active is not None

    def no_answers(self) -> bool:
        """Tell whether queries in the output get no answer now."""
        return self.runs is not None and self.runs.no_answers()

    def _mark_is_of_run(self) -> bool:
        return self.runs_command() or (self.runs is not None and self.runs.was_active)
