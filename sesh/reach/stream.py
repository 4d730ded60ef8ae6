"""A stream of frames from a session's daemon, which reconnects if necessary; see `link_stream` for hosts."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator, Iterator
from math import inf

from sesh import errors, protocol, wire
from sesh.descriptors import check_audience, polled
from sesh.errors import Ended
from sesh.messages import Welcome
from sesh.reach import find
from sesh.stop import Stop
from sesh.wire import Connection

Frame = tuple[int, int, bytes]  # kind, position of OUTPUT, id of RESPONSE or descriptor of READY, data
Watched = tuple[list[tuple[int, int]], bool]  # descriptors to poll with their events; whether to read the connection

READY = -1  # not a frame: a watched descriptor is ready
LATE = -2  # not a frame: the time `until` of `frames` has passed; yielded again after each poll


class Stream:
    """A stream of frames from a daemon of this machine, also across the daemon's reload; a context manager.

    `connection`: the current one; over the first, HELLO is not sent yet. `name`: the session's name, kept up to date.
    `end_of`: returns the end of a session whose daemon is gone, None if unknown. `deadline` (monotonic): for the whole
    stream. `position`: the position after the last byte of output received. `skipped`: bytes of output that were
    missed. `audience`: the descriptor that output is written to, negative if unknown. When its reader is gone, `frames`
    raises BrokenPipeError. `check`: called during a reconnect; it may raise to cancel the reconnect.
    """

    host: str | None = None

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
        self.check: Callable[[], object] = Stop().check
        self._end_of, self._cut = end_of, False

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.connection.close()

    @property
    def session_id(self) -> str:
        """The id of the session; empty until it is known."""
        return str(self.connection.welcome.get("id") or self.connection.peer.session_id)

    def cut(self) -> None:
        """Abort the stream from another thread."""
        self._cut = True
        self.connection.abort()

    def reconnect(self) -> None:
        """Replace the lost connection. Raises Ended if the session has ended, DaemonDied if its end is unknown."""
        try:
            self.connection.come_back(self.name)
        except (errors.NotFound, errors.Unreachable):
            raise self._end() from None

    def greet(self, requests: bytes = b"", until: float | None = None) -> Welcome:
        """Send HELLO and requests in one write; return the daemon's WELCOME. Raises as `find.welcomed`."""
        self.connection.send(wire.hello_frame("request") + requests, until)
        return find.welcomed(self.connection, self.name, until)

    def frames(
        self, ask: Callable[[], object], *, others: Callable[[], Watched] | None = None, until: float | None = None
    ) -> Iterator[Frame]:
        """Yield new OUTPUT, DATA, RESPONSE, READY and LATE, without end.

        `ask`: sends HELLO and requests over each new connection. `others`: returns more descriptors to poll. `until`
        (monotonic): yield LATE from then on. Raises Ended, DaemonDied, and the errors of `ask`.
        """
        while True:
            try:
                ask()
                while (yield from self._turn(others, until)):
                    continue
            except errors.Lost:
                pass
            except errors.Silent:
                raise
            except errors.Unreachable as error:
                if error.answered:
                    raise
                raise self._end(unread=error.unread) from error
            self.reconnect()  # outside the block: its errors are not the daemon's

    def _end(self, *, unread: bool = False) -> Ended | errors.DaemonDied:
        """Return the end of a session whose daemon is gone. `unread`: the daemon has not read the last request."""
        # After `cut` the daemon still runs, and the name may find another session's result.
        if not self._cut and (ended := self._end_of(self)) is not None:
            return ended
        return errors.DaemonDied(f"the daemon of {self.name} died", unread=unread)

    def _turn(self, others: Callable[[], Watched] | None, until: float | None) -> Generator[Frame, None, bool]:
        """Yield what is ready; return False if the link is to be replaced."""
        connection = self.connection
        frames = self.connection.leftovers()
        if until is not None and time.monotonic() >= until:
            yield LATE, 0, b""
        ready: list[int] = []
        if not frames:
            watched, reads = others() if others is not None else ([], True)
            ready = self._ready(watched, until) if reads else polled(watched, None)
            yield from ((READY, descriptor, b"") for descriptor in ready if descriptor in dict(watched))
            if connection.inbound in ready:
                connection.read()
                frames = connection.leftovers()
        for kind, payload in frames:
            if kind == protocol.OUTPUT:
                position, fresh = self._new_part(*protocol.split_number(payload))
                if fresh:
                    yield kind, position, fresh
            elif kind in (protocol.DATA, protocol.RESPONSE):
                yield kind, protocol.answered_number(payload) if kind == protocol.RESPONSE else 0, payload
        return self._keeps_link(ready)

    def _ready(self, watched: list[tuple[int, int]], until: float | None) -> list[int]:
        """Poll the connection, the link and the watched descriptors; return the ready ones."""
        descriptors, due = self._link_watch()
        watched = [*watched, *((each, select.POLLIN) for each in (self.connection.inbound, *descriptors))]
        if self.audience >= 0:
            watched.append((self.audience, 0))
        until = min(due, inf if until is None else until)
        ready = polled(watched, None if until == inf else until)
        check_audience(ready, self.audience)
        return ready

    def _link_watch(self) -> tuple[tuple[int, ...], float]:
        """Return the link's descriptors to poll, and when to call `_keeps_link` (monotonic)."""
        return (), inf

    def _keeps_link(self, ready: list[int]) -> bool:
        """Update the link's health; return False if `reconnect` is to replace the link."""
        return True

    def ended_output(self, ended: Ended) -> tuple[int, bytes]:
        """Return the new output of an ended session from its result, with the position of its first byte."""
        end = ended.result.get("position")
        return self._new_part(end - len(ended.output), ended.output) if isinstance(end, int) else (0, b"")

    def _new_part(self, position: int, data: bytes) -> tuple[int, bytes]:
        """Return the position of the first new byte, and the output without bytes received before."""
        before = position if self.position is None else self.position
        self.skipped += max(0, position - before)
        self.position = max(before, position + len(data))
        fresh = data[max(0, before - position) :]
        return self.position - len(fresh), fresh
