"""Tells the person, once, that the session needs one: on the terminal that was typed in last, else by the user's hooks.

Silent while a terminal is attached. A child process asks the daemons of this machine which
terminal was typed in last, so that nothing here waits, and at that moment once more whether anybody looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sesh.daemon.activity.hooks import Hooks
from sesh.daemon.clients.registry import Clients
from sesh.loop.timers import Timers
from sesh.schema import Event
from sesh.stored import Facts
from sesh.wording import BETWEEN_TELLINGS, failure, muted

RINGS_AFTER = 0.5
"""Seconds that a bell waits for the question that it is rung for, which then is told instead."""
_STATES = {"waiting": "on_waiting", "failed": "on_failed", "done": "on_done"}
"""The hook of each state."""


class Telling:
    """The tellings of one session. `hooks` returns those of the user."""

    def __init__(self, facts: Facts, clients: Clients, timers: Timers, hooks: Callable[[], Hooks]) -> None:
        self._facts, self._clients, self._timers, self._hooks = facts, clients, timers, hooks
        self._told_at = self._rang_at = -BETWEEN_TELLINGS
        """Times (monotonic) of the last telling of a state, and of a bell, which delays no state."""
        self._later: Event | None = None
        """Event to be told once the last telling is long enough ago."""
        self._bell: Event | None = None
        """Bell that is to be told."""

    def event(self, event: Event) -> None:
        """Tells of an event, if it says that a person is needed, or is good to know."""
        kind = event["event"]
        if kind == "activity":
            self._later = None
            if event["state"] in _STATES and event["why"] != "exit" and not self._silent:
                left = self._told_at + BETWEEN_TELLINGS - time.monotonic()
                if left > 0:
                    self._later = event
                    self._timers.set("tell", left, self._tell_later)
                else:
                    self._tell(event)
        elif kind == "bell":
            if self._bell is None and not self._silent:
                self._bell = {**event, "state": "bell", "why": "bell", "question": None}
                left = max(self._told_at, self._rang_at) + BETWEEN_TELLINGS - time.monotonic()
                self._timers.set("bell", max(left, RINGS_AFTER), self._tell_bell)
        elif kind == "exited":
            code = event.get("exit_code")
            state = "done" if code == 0 else "failed"
            if state == "done":  # which no terminal is told of
                self._tell_bell()
            question = f"ended by signal {event.get('signal')}"
            if code is not None:
                question = failure(event.get("reason"), code)
            if not self._silent:
                self._tell({**event, "state": state, "why": "exit", "question": question})

    @property
    def _silent(self) -> bool:
        return self._clients.watched or muted(self._facts["labels"])

    def _tell(self, event: Event) -> None:
        self._told_at, self._bell = time.monotonic(), None
        self._hooks().tell(_STATES[event["state"]], event)

    def _tell_later(self) -> None:
        later, self._later = self._later, None
        if later is not None and not self._silent:
            self._tell(later)

    def _tell_bell(self) -> None:
        bell, self._bell = self._bell, None
        if bell is not None and self._later is None and not self._silent:
            self._rang_at = time.monotonic()
            self._hooks().tell("", bell)
