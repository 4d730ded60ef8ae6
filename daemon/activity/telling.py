"""Tells the person, once, that the session needs one: on the terminal that was typed in last, else by the user's hooks.

Silent while an attached terminal has the focus, or may have it. A child process asks the daemons of this machine which
terminal was typed in last, so that nothing here waits.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.activity.hooks import Hooks
    from sesh.daemon.clients.registry import Clients
    from sesh.loop.timers import Timers
    from sesh.schema import Event, Facts

BETWEEN = 60.0
"""Seconds between two tellings of one session, at the least."""
_STATES = {"waiting": "on_waiting", "failed": "on_failed", "done": "on_done"}
"""The hook of each state."""


class Telling:
    """The tellings of one session. `hooks` returns those of the user."""

    def __init__(self, facts: Facts, clients: Clients, timers: Timers, hooks: Callable[[], Hooks]) -> None:
        self._facts, self._clients, self._timers, self._hooks = facts, clients, timers, hooks
        self._told_at = -BETWEEN
        self._later: Event | None = None
        """Event to be told once the last telling is long enough ago."""

    def event(self, event: Event) -> None:
        """Tells of an event, if it says that a person is needed, or is good to know."""
        kind = event["event"]
        if kind == "activity":
            self._later = None
            if event["state"] in _STATES and event["why"] != "exit":
                self._tell(event)
        elif kind == "bell":
            if self._later is None:
                self._tell({**event, "state": "bell", "why": "bell", "question": None})
        elif kind == "exited":
            code = event.get("exit_code")
            state = "done" if code == 0 else "failed"
            question = f"exited {code}" if code is not None else f"ended by signal {event.get('signal')}"
            self._tell({**event, "state": state, "why": "exit", "question": question})

    def _tell(self, event: Event) -> None:
        watched = any(client.focused is not False for client in self._clients.all)
        if watched or (self._facts.get("labels") or {}).get("mute") == "1":
            return
        left = self._told_at + BETWEEN - time.monotonic()
        if left > 0 and event["event"] != "exited":
            if self._later is None or event["state"] != "bell":
                self._later = event
                self._timers.set("tell", left, self._tell_later)
            return
        self._told_at = time.monotonic()
        self._hooks().tell(_STATES.get(event["state"], ""), event)

    def _tell_later(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            self._tell(later)
