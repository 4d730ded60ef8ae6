"""The requests that wait for a prompt, silence, a question, or the session's end.

`Ending` responds to those that are left at the session's end, so to `wait --exit`, which sets no
condition. A caller that waits for text follows the output and searches it itself, because a caller's pattern must not
block the daemon.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from sesh.daemon.activity.activity import Activity
from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.clients.client import Follower
from sesh.daemon.clients.connection import PeerConnection, PeerRequest
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells
from sesh.daemon.shell.queue import RunQueue
from sesh.errors import Busy, TimedOut
from sesh.wire.messages import MetResponse, WaitResponse

MAX_WAITS = 16  # of one connection; more are refused
QUIET = 0.1  # seconds of silence before a prompt counts, so that earlier output has arrived
MAX_PAUSE = 1.0  # seconds between two polls of a silent shell; no event reports its prompt
_READS_POLL = 10.0  # seconds between two checks for a question; after so much silence, `Activity` does not check
UNSENT_POLL = 0.05  # seconds between two checks while output is unsent, which may contain the text waited for


@dataclass(eq=False)
class Wait:
    """A request that waits for the first of its conditions, or the session's end."""

    request: PeerRequest[WaitResponse]
    prompt: bool = False  # waits for a shell's prompt
    since: int | None = None  # the position that output must reach before a prompt counts
    waiting: bool = False  # waits for a question
    ignored_since: float | None = None  # the time (`ActivityState.since`) of a question that does not count
    idle: float = math.inf  # waits for so many seconds of silence
    until: float = NEVER  # time (monotonic) at which the wait is refused


class Waits(Part):
    """The requests that wait."""

    def __init__(self, agenda: Agenda, pump: Pump, activity: Activity, runs: RunQueue) -> None:
        super().__init__(agenda)
        self._pump = pump
        self._activity = activity
        self._runs = runs
        self.all: list[Wait] = []
        # `due`: time (monotonic) of the next check
        self._active_at = 0.0  # time (monotonic) of the last output or typing that `act` has seen
        self._checks = 0  # of the session's state that `act` has seen

    def plan(self, now: float) -> None:
        """Plan a check, if something has happened that a wait may wait for."""
        active_at, checks = self._activity.memory.active_at, self._activity.checks
        if self._active_at != active_at:
            self._active_at = active_at
            if any(wait.prompt or wait.idle < math.inf for wait in self.all):
                self._check_in(QUIET, now)
        if self._checks != checks:
            self._checks = checks
            if any(wait.waiting for wait in self.all):
                self.due = now

    def act(self, now: float) -> None:
        """Check all waits."""
        self.due = NEVER
        for wait in self.all[:]:
            self._check_in(self._check(wait), now)

    def of(self, connection: PeerConnection) -> list[Wait]:
        return [wait for wait in self.all if wait.request.connection is connection]

    def add(self, wait: Wait) -> None:
        """Add a wait. Raises Busy above `MAX_WAITS`."""
        if len(self.of(wait.request.connection)) >= MAX_WAITS:
            raise Busy(f"{MAX_WAITS} requests of this connection wait already; use another connection")
        self.all.append(wait)
        self.due = 0.0

    def forget(self, connection: PeerConnection) -> None:
        self.all = [wait for wait in self.all if wait.request.connection is not connection]

    def _check_in(self, seconds: float, now: float) -> None:
        self.due = min(self.due, now + max(0.0, seconds))

    def _check(self, wait: Wait) -> float:
        """Respond if a condition is met; else return the seconds until the next check."""
        silent = self._silent()
        condition = self._met_by(wait, silent)
        reader = wait.request.connection.reader
        position = self._pump.log.head
        if condition and (not isinstance(reader, Follower) or reader.position >= position):
            self.all.remove(wait)
            response: MetResponse = {"met": condition, "position": position}
            if condition == "waiting":
                response["question"] = self._activity.observe().question
            wait.request.respond(response)
            return math.inf
        time_left = wait.until - time.monotonic()
        if time_left <= 0:
            self.all.remove(wait)
            wait.request.refuse(TimedOut("timed out"))
            return math.inf
        return min(UNSENT_POLL if condition else self._next_check(wait, silent), time_left)

    def _met_by(self, wait: Wait, silent: float) -> str:
        """Return the condition that is met, or an empty string. `silent`: seconds."""
        if silent >= wait.idle:
            return "idle"
        if silent >= QUIET and self._prompt_counts(wait) and self._at_prompt():
            return "prompt"
        if wait.waiting and self._activity.observe().since != wait.ignored_since and self._activity.waits:
            return "waiting"
        return ""

    def _next_check(self, wait: Wait, silent: float) -> float:
        """Return the seconds until a condition that is not met may be met."""
        seconds = [wait.idle - silent]
        if self._prompt_counts(wait):  # each pause is as long as the silence, so it doubles
            seconds.append(min(silent, MAX_PAUSE) if silent >= QUIET else QUIET - silent)
        if wait.waiting:
            seconds.append(_READS_POLL)
        return min(seconds)

    def _prompt_counts(self, wait: Wait) -> bool:
        too_early = wait.since is not None and self._pump.log.head < wait.since
        return wait.prompt and not too_early and self._pump.life.running

    def _at_prompt(self) -> bool:
        pump = self._pump
        if pump.unwritten:
            return False
        own = pump.line_begun or self._runs.active is None  # a `run` has prompts of its own
        return own and shells.at_prompt(pump.pty)

    def _silent(self) -> float:
        return time.monotonic() - self._activity.memory.active_at
