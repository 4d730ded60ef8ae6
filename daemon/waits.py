"""Those who wait for the session to come to something before its end: a shell at its prompt, a silent program.

They are requests of the verb `wait`, which is answered at the session's end at the latest (see `ending`). Nothing of
this costs anything while nobody waits. A search in the output is no business of the daemon's: a pattern that somebody
else chose must not hold up its loop, so whoever looks for text follows the output and looks for himself.
"""

from __future__ import annotations

import time

from sesh.errors import TimedOut, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.session import Session

QUIET = 0.1
"""Seconds of silence after which a prompt counts: what a shell prints before it reads has come by then."""
LONGEST = 1.0
"""Seconds between two looks at a shell that is silent and not at its prompt; nothing tells when it comes to it."""
FED = 0.05
"""Seconds until a connection that has not got all output yet is looked at again: it may find what it looks for."""


class Wait:
    """One request. `since`: the position that output must have gone beyond for a prompt to count, None for none."""

    __slots__ = ("asked", "idle", "connection", "prompt", "since")

    def __init__(
        self, connection: Connection, asked: int, *, prompt: bool, idle: float | None, since: int | None
    ) -> None:
        self.connection, self.asked, self.prompt, self.idle, self.since = connection, asked, prompt, idle, since

    @property
    def pending(self) -> bool:
        """Whether it has been neither answered nor given up."""
        return not self.connection.closed and self.asked in self.connection.waits


class Waits:
    """The pending waits of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.all: list[Wait] = []
        self._stirred = 0.0
        """When the program last wrote, or was last sent something (monotonic)."""
        self._pause = QUIET

    def conditions(self, words: dict[str, Any]) -> dict[str, Any]:
        """What a request's words say, as `add` takes it. Raises UsageError for seconds that are none."""
        since = words.get("since", words.get("from"))
        if since == "sent":
            since = self._session.sent_at
        return {
            "prompt": words.get("prompt") is True,
            "idle": _seconds(words, "idle"),
            "timeout": _seconds(words, "timeout"),
            "since": since if isinstance(since, int) else None,
        }

    def add(
        self,
        connection: Connection,
        asked: int,
        *,
        prompt: bool,
        idle: float | None,
        timeout: float | None,
        since: int | None,
    ) -> None:
        """Takes a request in that stands in `connection.waits` already; `idle` and `timeout` are seconds."""
        session = self._session
        self._prune()
        if not self.all:
            self._stirred = time.monotonic() - max(0.0, time.time() - session.last_activity)
        wait = Wait(connection, asked, prompt=prompt, idle=idle, since=since)
        self.all.append(wait)
        if timeout is not None:
            session.timers.set(("wait", asked, connection.descriptor), timeout, lambda: self._over(wait))
        if idle is not None:
            self._silent(wait)
        if prompt:
            self._pause = QUIET
            session.timers.set("prompt", 0, self._look)

    def stirred(self) -> None:
        """The program has written, or was sent something; called only while somebody waits."""
        self._stirred = time.monotonic()
        self._pause = QUIET
        if any(wait.prompt for wait in self.all):
            self._session.timers.set("prompt", QUIET, self._look)

    def _prune(self) -> None:
        """Forgets the waits that are over, with their timers."""
        for wait in self.all:
            if not wait.pending:
                for kind in ("wait", "idle"):
                    self._session.timers.clear((kind, wait.asked, wait.connection.descriptor))
        self.all = [wait for wait in self.all if wait.pending]

    def _look(self) -> None:
        """Whether the shell is at its prompt, for those who wait for that."""
        self._prune()
        session = self._session
        waits = [wait for wait in self.all if wait.prompt]
        if not waits or session.pty is None or not session.running:
            return
        quiet = time.monotonic() - self._stirred
        if quiet < QUIET:
            session.timers.set("prompt", QUIET - quiet, self._look)
            return
        able = [wait for wait in waits if wait.since is None or session.log.head > wait.since]
        if not able:
            return  # output brings it here again
        from sesh.daemon.shell.shells import at_prompt

        if not session.input and at_prompt(session.pty):
            waits = [wait for wait in able if not self._met(wait, "prompt")]
            self._pause = FED
        if waits:
            session.timers.set("prompt", self._pause, self._look)
            self._pause = min(self._pause * 2, LONGEST)

    def _silent(self, wait: Wait) -> None:
        """Whether the program has been silent for as long as somebody waits for."""
        if not wait.pending or wait.idle is None:
            return
        left = self._stirred + wait.idle - time.monotonic()
        if left > 0 or not self._met(wait, "idle"):
            key = ("idle", wait.asked, wait.connection.descriptor)
            self._session.timers.set(key, max(left, FED), lambda: self._silent(wait))

    def _met(self, wait: Wait, what: str) -> bool:
        """Answers a wait; not before all output is on its way to its connection, who may look for something in it."""
        reader = wait.connection.reader
        if reader is not None and reader.position < self._session.log.head:
            return False
        del wait.connection.waits[wait.asked]
        wait.connection.respond(wait.asked, met=what, position=self._session.log.head)
        self._prune()
        return True

    def _over(self, wait: Wait) -> None:
        if wait.pending:
            del wait.connection.waits[wait.asked]
            wait.connection.refuse(wait.asked, TimedOut("the time ran out"))
        self._prune()


def _seconds(words: dict[str, Any], key: str) -> float | None:
    value = words.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise UsageError(f"{key} takes seconds")
    return float(value)
