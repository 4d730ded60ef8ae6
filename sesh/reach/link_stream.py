"""A stream of frames over a link to a host, which outlives the link."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from contextlib import suppress

from sesh import errors
from sesh.errors import Ended
from sesh.link.health import Health, WatchedConnection
from sesh.link.keeper import Changed, Host, LinkKeeper
from sesh.names import subject
from sesh.reach.stream import Stream, Watched
from sesh.wire import Connection


class LinkStream(Stream):
    """A stream from a session's daemon on `host`; from its bridge if `name` is empty.

    `links`: opens other links. `note`: receives a line when a link is lost and when it is back. `find_end`: returns how
    the session ended, None if that is unknown. `changed`: called when the link's health, or its reason, has changed.
    """

    host: str

    def __init__(
        self,
        connection: Connection,
        name: str,
        deadline: float | None = None,
        *,
        host: str,
        links: Host,
        note: Callable[[str], object],
        find_end: Callable[[LinkStream], Ended | None] = lambda _: None,
        changed: Changed = lambda _up, _reason: None,
    ) -> None:
        super().__init__(connection, name, deadline)
        self.host, self._note, self._end_finder = host, note, find_end
        self._keeper = LinkKeeper(links, self._ping, changed=changed)
        self._next_link: Connection | None = None  # it has already been opened, beside one that was doubted
        self._keeper.log("connect", session=name or None)
        self._watch()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        super().__exit__(kind, error, trace)
        self._keeper.close()
        self._keeper.log("disconnect", session=self.name or None, reason="closed")

    def reconnect(self) -> None:
        """Go on over another link, connected to the session; note the loss and the return.

        Raises the reason if there is none. Whether the session has ended is in the response, which `handshake` reads.
        """
        self.connection.close()
        link, self._next_link = self._next_link, None
        if link is None:
            self._check_cut()
            if self._keeper.schedule.refusal is None:  # else `wait` raises it at once
                goes_on = f"; {subject(self.name)} keeps running, reconnecting" if self.name else "; reconnecting"
                self._note(f"lost the link to @{self.host}{goes_on}")
            link = self._keeper.wait(self.host, self._check, self.deadline)
            self._note(f"reconnected to @{self.host}")
        self.connection = link
        self._watch()
        if self.name:
            with suppress(errors.Unreachable):  # HELLO gets no WELCOME then, either
                link.send(link.connect_request(self.name, self.session_id))

    def _watch(self) -> None:
        """Let the keeper watch the current link; close it if the stream was cut."""
        assert isinstance(self.connection, WatchedConnection)  # noqa: S101 (each connection to a host is one)
        self._keeper.watch(self.connection)
        if self._cut:
            self.connection.abort()

    def _find_end(self) -> Ended | None:
        return self._end_finder(self)

    def _poll(self, others: Watched, until: float) -> list[int]:
        keeper = self._keeper
        wakes = [(descriptor, select.POLLIN) for descriptor in keeper.descriptors]
        return super()._poll([*others, *wakes], min(until, keeper.due))

    def _look_after_link(self, ready: list[int]) -> None:
        """Run the keeper if due. Raises Lost if another link is to take over."""
        keeper = self._keeper
        if not ready and time.monotonic() < keeper.due:
            return
        result = keeper.run(ready)
        if result is not None and not isinstance(result, errors.SeshError):
            self._next_link = result
        if self._next_link is not None or keeper.health.state is Health.LOST:
            raise errors.Lost(f"lost the link to @{self.host}")

    def _note_session(self) -> None:
        super()._note_session()
        name = self.connection.peer.name or self.name
        if name != self.name:
            self._note(f"{self.name} is now called {name}")
        self.name = name
        facts = {"since": self.position or 0, "joined": self.connection.peer.pid} if name else {}
        self._keeper.session_connected(name, **facts)

    def _check_cut(self) -> None:
        """Raise Lost if the stream was cut: it opens no other link."""
        if self._cut:
            raise errors.Lost(f"the link to @{self.host} was cut")

    def _check(self) -> None:
        self._check_cut()
        self.check()

    def _ping(self, payload: bytes) -> None:
        self.connection.ping(payload)
