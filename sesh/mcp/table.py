"""The sessions that a server uses, and the states of their connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from sesh.api import Session
from sesh.errors import NotFound, SeshError
from sesh.mcp import worklog
from sesh.schema.facts import Summary
from sesh.text import times

IDLE = 300.0  # seconds without activity after which a session counts as idle
_MAX_SESSIONS = 500  # more displace the oldest that the server has only used


@dataclass(eq=False)
class UsedSession:
    session: Session
    log: str | None
    created_id: str | None = None  # its id if this server created it; a later session of this name has another
    calls: int = 0  # calls that run now
    reached: bool = False  # it has answered

    def note_created(self) -> None:
        try:
            self.created_id = str(self.session.status().get("id") or "") or None
        except NotFound:
            self.created_id = None  # the session has ended already

    def close(self) -> None:
        """End the session that this server created. Raises NotFound if another has its name."""
        if self.created_id is None or self.session.status().get("id") != self.created_id:
            raise NotFound(f"{self.session.name} has ended")
        self.session.kill()

    def connection(self, status: Summary | SeshError) -> str:
        """Return the state of the connection, as described in `models.Statuses`."""
        if self.calls and not self.reached:
            return "connecting"
        if isinstance(status, NotFound):
            return "closed"
        if isinstance(status, SeshError) or status.get("state") == "lost":
            return "expired"
        if status.get("state") == "exited":
            return "closed"
        last = times.seconds(status.get("last_activity"))
        return "idle" if last is not None and time.time() - last > IDLE else "connected"


class SessionTable:
    """The sessions that a server uses, the oldest first; safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Session, UsedSession] = {}

    def entry(self, session: Session) -> UsedSession:
        with self._lock:
            if session not in self._entries:
                self._displace_oldest()
                self._entries[session] = UsedSession(session, worklog.path(session.name, session.host))
            return self._entries[session]

    def _displace_oldest(self) -> None:
        """Make room for another session; never displace one that the server has yet to close."""
        used = [session for session, entry in self._entries.items() if not (entry.created_id or entry.calls)]
        for session in used[: max(0, len(self._entries) + 1 - _MAX_SESSIONS)]:
            del self._entries[session]

    def all(self) -> list[UsedSession]:
        with self._lock:
            return [entry for entry in self._entries.values() if entry.reached or entry.calls]

    @contextmanager
    def during_call(self, session: Session, opening: str = "") -> Iterator[UsedSession]:
        """Yield the entry of a session; the block counts as a running call."""
        entry = self.entry(session)
        with self._lock:
            entry.calls += 1
        try:
            yield entry
            with self._lock:
                if not entry.reached:
                    how = opening or ("created" if entry.created_id else "found again")
                    worklog.log_opening(entry.log, session.name, session.host, how)
                entry.reached = True
        finally:
            with self._lock:
                entry.calls -= 1
