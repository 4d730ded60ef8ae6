"""A stream over a link, which reconnects after a lost link."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from sesh import errors
from sesh.errors import Ended, SeshError
from sesh.link.attempts import EnteredSession, Reopen, Result
from sesh.link_health import Health
from sesh.names import subject
from sesh.reach.entering import enter_again
from sesh.reach.stream import Stream
from sesh.remote import eventlog
from sesh.remote.ssh.link import Link
from sesh.remote.ssh.opening import keeper_of
from sesh.wire import Connection

LIST_PATIENCE = 1.5  # seconds plus 1.5 round trips without a PONG, then a list shows the host's rows as stale


class LinkStream(Stream):
    """A stream to a session's daemon on a host, or, if `name` is empty, to the host's bridge.

    `note`: receives a line when the link is lost and when it is back. `reopen`: makes one attempt to replace the link
    to a bridge. `changed`: called when the health of a list's link changes; such links are not in the event log, and
    have `LIST_PATIENCE`.
    """

    connection: Link

    def __init__(
        self,
        link: Link,
        name: str,
        *,
        note: Callable[[str], object],
        reopen: Reopen | None = None,
        end_of: Callable[[Stream], Ended | None] = lambda _: None,
        deadline: float | None = None,
        changed: Callable[[Health], object] | None = None,
    ) -> None:
        super().__init__(link, name, end_of=end_of, deadline=deadline)
        self.host: str = link.destination.host
        self._note, self._changed = note, changed
        self._state = Health.UP
        self._next: Result | None = None  # the keeper's: a connection that replaces the link, or why there is none
        self._keeper = keeper_of(
            link.destination, reopen or partial(enter_again, link.destination, self._describe), self._ping
        )
        self._log("connect")
        self._take(link)

    def __enter__(self) -> LinkStream:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        super().__exit__(kind, error, trace)
        self._keeper.close()
        self._log("disconnect", reason="closed")
        if isinstance(error, SeshError):
            error.host = error.host or self.host

    def _log(self, event: str, **facts: object) -> None:
        if self._changed is None:
            eventlog.log(event, host=self.host, session=self.name or None, **facts)

    def _take(self, connection: Connection) -> None:
        assert isinstance(connection, Link)  # noqa: S101 (each `reopen` returns one)
        self.connection = connection
        self.name = connection.peer.name or self.name
        if self._changed is not None:
            connection.health.patience = LIST_PATIENCE
        self._keeper.watch(connection.health)
        self._note_state()
        if self._cut:
            connection.abort()

    def _note_state(self) -> None:
        state = self._keeper.health.state
        if state is not self._state:
            self._state = state
            if self._changed is not None:
                self._changed(state)

    def _ping(self, payload: bytes) -> None:
        self.connection.ping(payload)

    def _describe(self) -> EnteredSession:
        """Return the session to enter again over another link."""
        return EnteredSession(self.name, self.session_id, self.position or 0, self._keeper.health.heard_at)

    def reconnect(self) -> None:
        self.connection.close()
        result, self._next = self._next, None
        if isinstance(result, Exception):
            raise result
        self._take(result or self._another())

    def _another(self) -> Connection:
        """Wait for the connection that replaces a lost link; note the loss and the reconnect."""
        self._check_cut()
        self._keeper.link_closed()
        self._note_state()
        goes_on = f"; {subject(self.name)} keeps running, reconnecting" if self.name else "; reconnecting"
        self._note(f"lost the link to @{self.host}{goes_on}")
        lost_at = time.monotonic()
        if not self.name:  # for a session, the attempt that enters it again logs both events
            self._log("disconnect", reason="lost")
        connection = self._keeper.wait(self.host, self._check, self.deadline)
        if not self.name:
            self._log("reconnect", gap=round(time.monotonic() - lost_at, 3))
        name = connection.peer.name or self.name
        self._note(f"reconnected to @{self.host}{f'; {self.name} is now called {name}' if name != self.name else ''}")
        return connection

    def _check_cut(self) -> None:
        """Raise Lost if the stream was cut: it opens no other link."""
        if self._cut:
            raise errors.Lost(f"the link to @{self.host} was cut")

    def _check(self) -> None:
        self._check_cut()
        self.check()

    def _link_watch(self) -> tuple[tuple[int, ...], float]:
        return self._keeper.descriptors, self._keeper.due

    def _keeps_link(self, ready: list[int]) -> bool:
        if not ready and time.monotonic() < self._keeper.due:
            return True
        self._next = self._keeper.run(ready)
        self._note_state()  # before the next poll, which may take long
        return self._next is None and self._keeper.health.state is not Health.LOST
