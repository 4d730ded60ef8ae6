"""Requests that wait for something before the session's end: a shell at its prompt, a program that is silent or asks.

They are `wait` requests, which are answered at the session's end at the latest (see `ending`). A session without any
pays nothing for them. A client that waits for text follows the output and searches it itself: a pattern that somebody
else chose must not block the daemon's loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypedDict

from sesh.daemon.activity.activity import Activity
from sesh.daemon.clients.connection import Connection
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.errors import TimedOut
from sesh.loop.timers import Timers
from sesh.messages import Answer


class Sought(TypedDict):
    """Conditions of a request beside the session's end. `idle`: in seconds. `since`: the position that output must
    have come to before a prompt counts. A shell at its prompt has read what was typed, whatever that printed.
    `stale`: since when the question has stood that counts no more; None if each counts."""

    prompt: bool
    waiting: bool
    stale: float | None
    idle: float | None
    since: int | None


QUIET = 0.1
"""Seconds of silence after which a prompt counts: by then, all that the shell prints before it reads has come."""
MAX_PAUSE = 1.0
"""Seconds between two checks of a shell that is silent and not at its prompt; nothing reports when it gets there."""
_UNREPORTED = 10.0
"""Seconds between two checks of a program that may have begun to read in silence: up to so long after output stopped,
`Activity` looks by itself."""
FED = 0.05
"""Seconds until the next check for a client that has not been sent all output: it may find its text in it."""


class Wait:
    """One request and what it sought."""

    __slots__ = ("connection", "request", "sought")

    def __init__(self, connection: Connection, request: int, sought: Sought) -> None:
        self.connection, self.request, self.sought = connection, request, sought

    def key(self, kind: str) -> tuple[str, int, int]:
        """The name of one of its timers."""
        return kind, self.request, self.connection.descriptor

    @property
    def pending(self) -> bool:
        """True if it has not been answered, and its client is still there."""
        return not self.connection.closed and self.request in self.connection.waits


class Waits:
    """The pending waits of one session. `runs` tells whether a `--run` has not ended: its end comes before a prompt."""

    def __init__(self, pump: Pump, timers: Timers, activity: Activity, runs: Callable[[], bool]) -> None:
        self._pump, self._timers, self._activity, self._runs = pump, timers, activity, runs
        self.all: list[Wait] = []
        self._active_at = 0.0
        """Time (monotonic) at which the program last printed, or was sent something."""
        self._pause = QUIET
        """Seconds until the next check of a shell; doubled with each, up to `MAX_PAUSE`."""

    def add(self, connection: Connection, request: int, sought: Sought, timeout: float | None) -> None:
        """Adds a request that is in `connection.waits` already; `timeout` in seconds."""
        self._prune()
        if not self.all:
            self._active_at = self._activity.active_at
        wait = Wait(connection, request, sought)
        self.all.append(wait)
        if timeout is not None:
            self._timers.set(wait.key("wait"), timeout, lambda: self._time_out(wait))
        self._check_idle(wait)
        if sought["prompt"]:
            self._pause = QUIET
            self._timers.set("prompt", 0, self._check_prompt)
        if sought["waiting"]:
            self._timers.set("waiting", 0, self._check_waiting)

    def stirred(self) -> None:
        """Notes that the program has printed, or was sent something."""
        if self.all:
            self._active_at = time.monotonic()
            self._pause = QUIET
            if self._waiting_for("prompt"):
                self._timers.set("prompt", QUIET, self._check_prompt)

    def looked(self) -> None:
        """Answers those who wait until a person is needed, if one is; called after each look at the session."""
        if self._activity.waits and self._waiting_for("waiting"):
            self._timers.set("waiting", 0, self._check_waiting)

    def _waiting_for(self, condition: Literal["prompt", "waiting"]) -> list[Wait]:
        return [wait for wait in self.all if wait.sought[condition]]

    def _prune(self) -> None:
        """Forgets the waits that are over, and their timers."""
        for wait in self.all:
            if not wait.pending:
                self._timers.clear(wait.key("wait"))
                self._timers.clear(wait.key("idle"))
        self.all = [wait for wait in self.all if wait.pending]

    def _check_prompt(self) -> None:
        """Answers those who wait for a prompt, if the shell is at one."""
        self._prune()
        pump = self._pump
        waits = self._waiting_for("prompt")
        if not waits or pump.pty is None or not pump.running:
            return
        quiet = time.monotonic() - self._active_at
        if quiet < QUIET:
            self._timers.set("prompt", QUIET - quiet, self._check_prompt)
            return
        head = pump.log.head
        possible = [wait for wait in waits if (since := wait.sought["since"]) is None or head >= since]
        if not possible:
            return  # the next output comes back here
        if not pump.input and shells.at_prompt(pump.pty) and (pump.line_begun or not self._runs()):
            waits = [wait for wait in possible if not self._answer(wait, "prompt")]
            self._pause = FED
        if waits:
            self._timers.set("prompt", self._pause, self._check_prompt)
            self._pause = min(self._pause * 2, MAX_PAUSE)

    def _check_waiting(self) -> None:
        """Answers those who wait until a person is needed; looks again now and then, as no output may tell of that."""
        self._prune()
        standing = self._activity.standing()
        waits = self._waiting_for("waiting")
        meant = [wait for wait in waits if self._activity.waits and standing.since != wait.sought["stale"]]
        unfed = [wait for wait in meant if not self._answer(wait, "waiting", question=standing.question)]
        if unfed or len(meant) < len(waits):
            self._timers.set("waiting", FED if unfed else _UNREPORTED, self._check_waiting)

    def _check_idle(self, wait: Wait) -> None:
        """Answers a wait if the program has been silent for long enough."""
        idle = wait.sought["idle"]
        if not wait.pending or idle is None:
            return
        left = self._active_at + idle - time.monotonic()
        if left > 0 or not self._answer(wait, "idle"):
            self._timers.set(wait.key("idle"), max(left, FED), lambda: self._check_idle(wait))

    def _answer(self, wait: Wait, condition: str, question: str | None = None) -> bool:
        """Answers a wait; False if its client has not been sent all output, in which it may find its text."""
        reader = wait.connection.reader
        if reader is not None and reader.position < self._pump.log.head:
            return False
        del wait.connection.waits[wait.request]
        answer: Answer = {"met": condition, "position": self._pump.log.head}
        if question is not None:
            answer["question"] = question
        wait.connection.respond(wait.request, **answer)
        self._prune()
        return True

    def _time_out(self, wait: Wait) -> None:
        if wait.pending:
            del wait.connection.waits[wait.request]
            wait.connection.refuse(wait.request, TimedOut("timed out"))
        self._prune()
