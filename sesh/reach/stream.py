"""One conversation with a daemon, or with a host, over as many connections as it takes.

Other readers of a daemon: `Connection.answer` takes one request's answer; `ops.events` reads all daemons of this
machine at once.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator

from sesh import errors, protocol, wire
from sesh.errors import Ended, SeshError
from sesh.link.health import Health
from sesh.link.reopen import Reopen
from sesh.messages import Welcome
from sesh.names import subject
from sesh.reach import find
from sesh.remote import eventlog
from sesh.remote.ssh.link import Link
from sesh.wire import Connection

Frame = tuple[int, int, bytes]
"""The kind of a frame, a number (of OUTPUT the position of its first byte, of READY a descriptor), the data."""
Watched = tuple[list[tuple[int, int]], bool]
"""Descriptors to poll too, each with its events, and whether the connection is read meanwhile."""

READY, LATE = -1, -2
"""Kinds that are no frames: another descriptor is ready; the time is over, and goes on being so."""


class Stream:
    """A conversation that goes on over another connection if its link is lost. A context manager.

    `connection`: the present one, on which nothing was said yet. `name`: of the session, also after a rename.
    `reopening`: returns what watches and replaces the link; None for a daemon of this machine. `ended`: returns the end
    of a session whose daemon is gone, None if unknown. `deadline` (monotonic): for attempts to reconnect. `sleep`:
    waits between two attempts, and may raise to end them. `logged`: whether the log of remotes has it.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        *,
        host: str | None = None,
        reopening: Callable[[Stream], Reopen] | None = None,
        ended: Callable[[Stream], Ended | None] | None = None,
        deadline: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        logged: bool = True,
    ) -> None:
        self.name, self.host, self.deadline, self.sleep = name, host, deadline, sleep
        self.position: int | None = None
        """The position behind the last byte of output that came."""
        self.skipped = 0
        """Bytes of output that came too fast to be read, or were not kept."""
        self.audience = -1
        """The descriptor that output goes to, negative if unknown: `frames` ends when its reader has closed it."""
        self.reconnecting = self._cut = False
        self._ended = ended
        self.tell: Callable[[str], object] = bool
        """Called with a line when the link is lost, and when it is back."""
        self.reopen = reopening(self) if reopening is not None else None
        self._next: Connection | None = None
        """The connection that has taken the place of a link which was only doubted."""
        self.changed: Callable[[Health], object] = bool
        """Called when the link is doubted, lost, or answers again."""
        self._state = Health.UP
        self._logged = logged and host is not None
        self._log("connect")
        self._take(connection)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.connection.close()
        if self.reopen is not None:
            self.reopen.close()
        self._log("disconnect", reason="closed")
        if isinstance(error, SeshError):
            error.host = error.host or self.host

    def _log(self, event: str, **facts: object) -> None:
        if self._logged:
            eventlog.log(event, host=self.host, session=self.name or None, **facts)

    def _take(self, connection: Connection) -> None:
        self.connection = connection
        if self.reopen is not None:
            self.name = connection.peer.name or self.name
            self.reopen.restored()
            if isinstance(connection, Link):
                connection.keepalive = self.reopen.health
            self._note_state()
        if self._cut:
            connection.abort()

    def _note_state(self) -> None:
        if self.reopen is not None and self.reopen.health.state is not self._state:
            self._state = self.reopen.health.state
            self.changed(self._state)

    @property
    def session_id(self) -> str:
        """The id of the session, empty if nobody has said it yet."""
        return str(self.connection.welcome.get("id") or self.connection.peer.session_id)

    def ping(self) -> None:
        """Asks a link for a sign of life."""
        if isinstance(self.connection, Link):
            self.connection.ping()

    def cut(self) -> None:
        """Ends the conversation from another thread: a reader sees its end."""
        self._cut = True
        self.connection.abort()

    def reconnect(self) -> None:
        """Replaces a lost connection. Raises Ended if the session has ended meanwhile, DaemonDied."""
        if self.reopen is None:  # of this machine: the daemon was reloaded
            try:
                self.connection.come_back(self.name)
            except (errors.NotFound, errors.Unreachable):
                raise self._end() from None
            return
        self.connection.close()
        connection, self._next = self._next, None
        self.reconnecting = True
        try:
            self._take(connection or self._another(self.reopen))
        finally:
            self.reconnecting = False

    def _another(self, reopen: Reopen) -> Connection:
        """Waits for the connection that replaces a lost one, and says so."""
        reopen.closed()
        self._note_state()
        goes_on = f"; {subject(self.name)} keeps running, reconnecting" if self.name else "; reconnecting"
        self.tell(f"lost the link to @{self.host}{goes_on}")
        lost_at = time.monotonic()
        if not self.name:  # else the attempt that comes back logs it
            self._log("disconnect", reason="lost")
        connection = reopen.wait(str(self.host), self.sleep, self.deadline)
        if not self.name:
            self._log("reconnect", gap=round(time.monotonic() - lost_at, 3))
        name = connection.peer.name or self.name
        self.tell(f"reconnected to @{self.host}{f'; {self.name} is now called {name}' if name != self.name else ''}")
        return connection

    def greet(self, asked: bytes = b"", until: float | None = None) -> Welcome:
        """Sends HELLO, and requests along with it; returns the daemon's WELCOME. Raises as `find.welcomed`."""
        self.connection.send(wire.greeting("request") + asked, until)
        return find.welcomed(self.connection, self.name, until)

    def frames(
        self, ask: Callable[[], object], *, others: Callable[[], Watched] | None = None, until: float | None = None
    ) -> Iterator[Frame]:
        """OUTPUT without bytes that came before, DATA, RESPONSE, READY and LATE, without end.

        `ask`: says HELLO and asks, over each connection anew. `others`: what else to poll, called each time. `until`
        (monotonic): LATE comes from then on. Raises Ended, DaemonDied, and what `ask` raises.
        """
        while True:
            try:
                ask()
                while True:
                    yield from self._turn(others, until)
            except errors.Lost:
                self.reconnect()
            except errors.Silent:
                raise
            except errors.Unreachable as error:
                if error.answered:
                    raise
                raise self._end() from error

    def _end(self) -> Ended | errors.DaemonDied:
        """Return the end of a session whose daemon is gone."""
        # A reader that was stopped is not told how another session of that name ended.
        ended = self._ended(self) if self._ended is not None and not self._cut else None
        return ended or errors.DaemonDied(f"the daemon of {self.name} died")

    def _turn(self, others: Callable[[], Watched] | None, until: float | None) -> Iterator[Frame]:
        connection, frames = self.connection, self.connection.leftovers()
        if until is not None and time.monotonic() >= until:
            yield LATE, 0, b""
        ready: list[int] = []
        if not frames:
            watched, reads = others() if others is not None else ([], True)
            ready = self._ready(watched, until) if reads else wire.polled(watched, None)
            yield from ((READY, descriptor, b"") for descriptor in ready if descriptor in dict(watched))
            if connection.inbound in ready:
                connection.read()
                frames = connection.leftovers()
            self._note_state()
        for kind, payload in frames:
            if kind == protocol.OUTPUT:
                position, fresh = self._fresh(*protocol.split_number(payload))
                if fresh:
                    yield kind, position, fresh
            elif kind in (protocol.DATA, protocol.RESPONSE):
                yield kind, 0, payload
        if self.reopen is not None and (ready or time.monotonic() >= self.reopen.due):
            self._look_after(self.reopen, ready)

    def rest(self, ended: Ended) -> tuple[int, bytes]:
        """The kept output of a session that has ended, in the form of OUTPUT: the first byte's position, the bytes."""
        end = ended.result.get("position")
        return self._fresh(end - len(ended.output), ended.output) if isinstance(end, int) else (0, b"")

    def _fresh(self, position: int, data: bytes) -> tuple[int, bytes]:
        """Output without the bytes that came before: the position of the first new byte, the bytes."""
        before = position if self.position is None else self.position
        self.skipped += max(0, position - before)
        self.position = max(before, position + len(data))
        fresh = data[max(0, before - position) :]
        return self.position - len(fresh), fresh

    def _ready(self, watched: list[tuple[int, int]], until: float | None) -> list[int]:
        """The descriptors that are ready, maybe the connection's among them."""
        watched = [*watched, (self.connection.inbound, select.POLLIN)]
        if self.audience >= 0:
            watched.append((self.audience, 0))
        due = [] if until is None else [until]
        if self.reopen is not None:
            watched += [(descriptor, select.POLLIN) for descriptor in self.reopen.descriptors]
            due.append(self.reopen.due)
        ready = wire.polled(watched, min(due, default=None))
        wire.heard_out(ready, self.audience)
        return ready

    def _look_after(self, reopen: Reopen, ready: list[int]) -> None:
        """Does what is due for the link. Raises Lost if it went silent, or another one has taken its place."""
        result = reopen.run(ready)
        if isinstance(result, Exception):
            raise result
        self._next = result
        if result is not None or reopen.health.state is Health.LOST:
            raise errors.Lost(f"the link to @{self.host} went silent")
