"""The sessions that a server was asked about, and how each of them stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sesh.api import Session
from sesh.cli.table import seconds
from sesh.errors import Interrupted, NotDeployed, NotFound, SeshError, Unreachable
from sesh.mcp import worklog

IDLE = 300.0
"""Seconds without activity after which a session counts as idle."""
_MOST = 500


@dataclass(eq=False)
class Entry:
    """One session. `ours`: the id of what this server created. `tried`: calls under way. `reached`: it has answered."""

    session: Session
    log: str | None
    ours: str | None = None
    tried: int = 0
    reached: bool = False

    def created(self) -> None:
        """This server has created it: another one, which somebody may make under that name later, is not ours."""
        try:
            self.ours = str(self.session.status().get("id") or "") or None
        except NotFound:
            self.ours = None  # it has ended already

    def close(self) -> None:
        """Ends it, where it is still the one that this server created. Raises NotFound where it is not."""
        if self.ours is None or self.session.status().get("id") != self.ours:
            raise NotFound(f"{self.session.name} has ended")
        self.session.kill()

    def standing(self, row: dict[str, Any] | None, error: SeshError | None) -> str:
        """How it stands by the word of its host: `row` of the list, None where it is not there; or the `error`.

        `connecting`: nothing has come of the first call yet. `connected`; `idle`: nothing happened in it for five
        minutes. `expired`: its host cannot be reached, or its daemon has died; opening it again helps. `closed`: it has
        ended.
        """
        if self.tried and not self.reached:
            return "connecting"
        if error is not None or (row is not None and row.get("state") == "lost"):
            return "expired"
        if row is None or row.get("state") == "exited":
            return "closed"
        last = seconds(row.get("last_activity"))
        return "idle" if last is not None and time.time() - last > IDLE else "connected"


class Ledger:
    """The entries, in the order in which they were heard of; safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Session, Entry] = {}

    def entry(self, session: Session) -> Entry:
        """The entry of a session; a new one where it was not heard of, for which the oldest may have to go."""
        with self._lock:
            if session not in self._entries:
                self._entries[session] = Entry(session, worklog.path(session.name, session.host))
                for old in list(self._entries)[:-_MOST]:
                    del self._entries[old]
            return self._entries[session]

    def all(self) -> list[Entry]:
        """All entries."""
        with self._lock:
            return list(self._entries.values())

    @contextmanager
    def used(self, session: Session) -> Iterator[Entry]:
        """A call for a session; that it answered is noted."""
        entry = self.entry(session)
        with self._lock:
            entry.tried += 1
        known = True
        try:
            yield entry
            with self._lock:
                if not entry.reached:
                    worklog.opened(entry.log, session.name, session.host, "created" if entry.ours else "taken up")
                entry.reached = True
        except (Unreachable, NotDeployed, Interrupted):
            raise
        except BaseException:
            known = entry.reached
            raise
        finally:
            with self._lock:
                entry.tried -= 1
                if not known and not entry.tried:
                    self._entries.pop(session, None)  # there is no such session: it need not be listed as one
