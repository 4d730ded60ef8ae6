"""Requests that wait for something before the session's end: a shell at its prompt, a program that is silent or asks.

They are answered at the session's end at the latest (see `ending`). A client that waits for text follows the output and
searches it itself: a pattern that somebody else chose must not block the daemon's loop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from sesh.daemon.activity.activity import Activity
from sesh.daemon.clients.connection import Connection, Request
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.errors import TimedOut, UsageError
from sesh.loop.timers import Timers
from sesh.messages import Answer

MAX_WAITS = 16  # of one connection
QUIET = 0.1  # seconds of silence after which a prompt counts: all that the shell prints before has come
MAX_PAUSE = 1.0  # seconds between two looks at a silent shell, whose prompt nothing reports
_UNREPORTED = 10.0
"""Seconds between two looks at a program that may have begun to read in silence: up to so long after output stopped,
`Activity` looks by itself."""
FED = 0.05  # seconds until the next look for a client that has unsent output: it may find its text in it


@dataclass(eq=False)
class Wait:
    """A request and its conditions besides the session's end; the first that holds is the answer.

    `output`: the answer at the end has all output. `since`: the position that output must have reached before a prompt
    counts; a shell at its prompt has read all input, whether or not it printed. `stale`: since when the question has
    stood that counts no more. `idle`: seconds of silence. `until`: the time (monotonic) at which it is refused.
    """

    request: Request
    output: bool = False
    prompt: bool = False
    since: int | None = None
    waiting: bool = False
    stale: float | None = None
    idle: float = math.inf
    until: float = math.inf


class Waits:
    """The pending waits of one session. `runs` returns whether a `--run` is active: its end comes before a prompt."""

    def __init__(self, pump: Pump, timers: Timers, activity: Activity, runs: Callable[[], bool]) -> None:
        self._pump, self._timers, self._activity, self._runs = pump, timers, activity, runs
        self.all: list[Wait] = []

    def of(self, connection: Connection) -> list[Wait]:
        return [wait for wait in self.all if wait.request.connection is connection]

    def add(self, wait: Wait) -> None:
        """Add a wait. Raises UsageError if its connection has one of that number, or too many."""
        numbers = [other.request.number for other in self.of(wait.request.connection)]
        if wait.request.number in numbers or len(numbers) >= MAX_WAITS:
            raise UsageError("a connection can wait for the end only once per request number")
        self.all.append(wait)
        self._look_in(0)

    def forget(self, connection: Connection) -> None:
        self.all = [wait for wait in self.all if wait.request.connection is not connection]

    def wake(self) -> None:
        if any(wait.prompt or wait.idle < math.inf for wait in self.all):
            self._look_in(QUIET)

    def looked(self) -> None:
        """Answer those who wait for a question; called after each look at the session."""
        if self._activity.waits and any(wait.waiting for wait in self.all):
            self._look_in(0)

    def _look_in(self, seconds: float) -> None:
        """Look at the waits in so many seconds, or earlier if that is due."""
        due = self._timers.remaining("waits")
        if seconds < (math.inf if due is None else due):
            self._timers.set("waits", seconds, self._look)

    def _look(self) -> None:
        for wait in self.all[:]:
            self._look_in(self._check(wait))

    def _check(self, wait: Wait) -> float:
        """Answer a wait if a condition holds; else return the seconds until the next look at it."""
        left = {"prompt": self._prompt(wait), "waiting": self._waiting(wait), "idle": wait.idle - self._silent()}
        met, next_look = min(left.items(), key=lambda item: item[1])
        reader, position = wait.request.connection.reader, self._pump.log.head
        if next_look <= 0 and (reader is None or reader.position >= position):
            self.all.remove(wait)
            answer: Answer = {"met": met, "position": position}
            if met == "waiting":
                answer["question"] = self._activity.standing().question
            wait.request.respond(**answer)
            return math.inf
        time_left = wait.until - time.monotonic()
        if time_left <= 0:
            self.all.remove(wait)
            wait.request.refuse(TimedOut("timed out"))
            return math.inf
        return min(next_look if next_look > 0 else FED, time_left)

    def _prompt(self, wait: Wait) -> float:
        """Return the seconds until the next look for a shell at its prompt: 0 if it is, infinite before output."""
        pump = self._pump
        too_early = wait.since is not None and pump.log.head < wait.since
        if not wait.prompt or too_early or pump.pty is None or not pump.running:
            return math.inf
        silent = self._silent()
        if silent < QUIET:
            return QUIET - silent
        if not pump.input.size and shells.at_prompt(pump.pty) and (pump.line_begun or not self._runs()):
            return 0
        return min(silent, MAX_PAUSE)  # twice as long each time

    def _waiting(self, wait: Wait) -> float:
        """Return 0 if it asks something else than the stale question; else the seconds to the next look."""
        if not wait.waiting:
            return math.inf
        since = self._activity.standing().since
        return 0 if self._activity.waits and since != wait.stale else _UNREPORTED

    def _silent(self) -> float:
        return time.monotonic() - self._activity.active_at
