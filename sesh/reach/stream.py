"""One conversation with the daemon of a session, over several connections if need be; over links: `link_stream`."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from math import inf

from sesh import errors, machine, protocol, wire
from sesh.errors import Ended
from sesh.messages import Welcome
from sesh.reach import find
from sesh.wire import Connection

Frame = tuple[int, int, bytes]
"""The kind of a frame, a number (of OUTPUT the position of its first byte, of READY a descriptor), the data."""
Watched = tuple[list[tuple[int, int]], bool]
"""More descriptors to poll, each with its events, and whether the connection is read meanwhile."""

READY, LATE = -1, -2
"""Kinds that are no frames: another descriptor is ready; the deadline has passed, and each turn says so again."""


class Stream:
    """A conversation with a daemon of this machine, which may be reloaded meanwhile. A context manager.

    `connection`: the present one, fresh at first. `name`: of the session, also after a rename. `end_of`: returns the
    end of a session whose daemon is gone, None if unknown. `deadline` (monotonic): of the whole conversation.
    `position`: behind the last byte of output that came. `skipped`: bytes of output that did not come. `audience`: the
    descriptor that output goes to, negative if unknown: `frames` ends when its reader closes it.
    """

    host: str | None = None
    reconnecting = False
    """True while a lost link is replaced."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        *,
        end_of: Callable[[Stream], Ended | None] = lambda _: None,
        deadline: float | None = None,
    ) -> None:
        self.connection, self.name, self.deadline = connection, name, deadline
        self.position: int | None = None
        self.skipped, self.audience = 0, -1
        self._end_of, self._cut = end_of, False

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.connection.close()

    @property
    def session_id(self) -> str:
        """The id of the session; empty if it is not known yet."""
        return str(self.connection.welcome.get("id") or self.connection.peer.session_id)

    def cut(self) -> None:
        """End the conversation from another thread: a reader sees its end."""
        self._cut = True
        self.connection.abort()

    def reconnect(self) -> None:
        """Replace the connection, which was lost. Raises Ended if the session has ended meanwhile, DaemonDied."""
        try:
            self.connection.come_back(self.name)
        except (errors.NotFound, errors.Unreachable):
            raise self._end() from None

    def greet(self, asked: bytes = b"", until: float | None = None) -> Welcome:
        """Send HELLO and requests with it; return the daemon's WELCOME. Raises as `find.welcomed`."""
        self.connection.send(wire.greeting("request") + asked, until)
        return find.welcomed(self.connection, self.name, until)

    def frames(
        self, ask: Callable[[], object], *, others: Callable[[], Watched] | None = None, until: float | None = None
    ) -> Iterator[Frame]:
        """Yield OUTPUT without bytes that came before, DATA, RESPONSE, READY and LATE, without end.

        `ask`: sends HELLO and requests, over each connection. `others`: returns more to poll. `until` (monotonic): LATE
        comes from then on. Raises Ended, DaemonDied, and the errors of `ask`.
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
        # After `cut` the daemon is not gone, and another session's end may be found by the name.
        return (not self._cut and self._end_of(self)) or errors.DaemonDied(f"the daemon of {self.name} died")

    def _turn(self, others: Callable[[], Watched] | None, until: float | None) -> Iterator[Frame]:
        connection, frames = self.connection, self.connection.leftovers()
        if until is not None and time.monotonic() >= until:
            yield LATE, 0, b""
        ready: list[int] = []
        if not frames:
            watched, reads = others() if others is not None else ([], True)
            ready = self._ready(watched, until) if reads else machine.polled(watched, None)
            yield from ((READY, descriptor, b"") for descriptor in ready if descriptor in dict(watched))
            if connection.inbound in ready:
                connection.read()
                frames = connection.leftovers()
        for kind, payload in frames:
            if kind == protocol.OUTPUT:
                position, fresh = self._fresh(*protocol.split_number(payload))
                if fresh:
                    yield kind, position, fresh
            elif kind in (protocol.DATA, protocol.RESPONSE):
                yield kind, 0, payload
        self._look_after_link(ready)

    def _ready(self, watched: list[tuple[int, int]], until: float | None) -> list[int]:
        """Return the descriptors that are ready, maybe the connection's among them."""
        descriptors, due = self._link_watch()
        watched = [*watched, *((each, select.POLLIN) for each in (self.connection.inbound, *descriptors))]
        if self.audience >= 0:
            watched.append((self.audience, 0))
        until = min(due, inf if until is None else until)
        ready = machine.polled(watched, None if until == inf else until)
        machine.check_audience(ready, self.audience)
        return ready

    def _link_watch(self) -> tuple[tuple[int, ...], float]:
        """Return the descriptors to poll for a link, and when to look after it (monotonic)."""
        return (), inf

    def _look_after_link(self, ready: list[int]) -> None:
        """Do what is due for a link. Raises Lost if another one is to replace it."""

    def rest(self, ended: Ended) -> tuple[int, bytes]:
        """Return the kept output of a session that has ended, as OUTPUT: the first byte's position, the bytes."""
        end = ended.result.get("position")
        return self._fresh(end - len(ended.output), ended.output) if isinstance(end, int) else (0, b"")

    def _fresh(self, position: int, data: bytes) -> tuple[int, bytes]:
        """Return output without the bytes that came before: the position of the first new byte, the bytes."""
        before = position if self.position is None else self.position
        self.skipped += max(0, position - before)
        self.position = max(before, position + len(data))
        fresh = data[max(0, before - position) :]
        return self.position - len(fresh), fresh
