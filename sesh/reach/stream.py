"""A stream of frames from a session's daemon, here or on a host; it goes on over another connection if one breaks."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from math import inf

from sesh import errors, protocol, wire
from sesh.descriptors import check_audience, polled
from sesh.errors import Ended, RequestOutcome, SeshError
from sesh.link.keeper import Keep, LinkKeeper
from sesh.link_health import Health
from sesh.messages import Welcome
from sesh.names import subject
from sesh.reach import find
from sesh.wire import Connection

Frame = tuple[int, int, bytes]  # kind, position of OUTPUT, id of RESPONSE or descriptor of READY, data
Watched = list[tuple[int, int]]  # descriptors to poll, with their events

READY = -1  # not a frame: a watched descriptor is ready
LATE = -2  # not a frame: the time `until` of `frames` has passed; yielded again after each poll


class Stream:
    """A stream of frames from a daemon, also across its reload, or from the bridge of `host`; a context manager.

    `connection`: the current one; over the first, HELLO is not sent yet. `name`: the session's name, kept up to date;
    empty for a bridge. `keep`: returns the keeper of a link. `note`: receives a line when a link is lost and when it is
    back. `end_of`: returns the end of a session whose daemon is gone, None if unknown. `deadline` (monotonic): for the
    whole stream. `position`: the position after the last byte of output received. `skipped`: bytes of output that were
    missed. `audience`: the descriptor that output is written to, negative if unknown. When its reader is gone, `frames`
    raises BrokenPipeError. `check`: called during a reconnect; it may raise to cancel the reconnect.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        *,
        host: str | None = None,
        keep: Keep = lambda _ping, _session: None,
        note: Callable[[str], object] = lambda _: None,
        end_of: Callable[[Stream], Ended | None] = lambda _: None,
        deadline: float | None = None,
    ) -> None:
        self.connection, self.name, self.host, self.deadline = connection, name, host, deadline
        self.position: int | None = None
        self.skipped, self.audience = 0, -1
        self.check: Callable[[], object] = lambda: None
        self._note, self._end_of, self._cut = note, end_of, False
        self._last_id = ""  # of the session, until the next link has entered it
        self._keeper = keep(self._ping, lambda: None)
        self._next: Connection | SeshError | None = None  # the keeper's: the next link, or why there is none
        if self._keeper is not None:
            self._keeper.log("connect", session=name or None)
            self._watch(self._keeper)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.connection.close()
        if self._keeper is not None:
            self._keeper.close()
            self._keeper.log("disconnect", session=self.name or None, reason="closed")
        if isinstance(error, SeshError):
            error.host = error.host or self.host

    @property
    def session_id(self) -> str:
        """The id of the session; empty until it is known."""
        return str(self.connection.welcome.get("id") or self.connection.peer.session_id or self._last_id)

    def cut(self) -> None:
        """Abort the stream from another thread."""
        self._cut = True
        self.connection.abort()

    def greet(self, requests: bytes = b"", until: float | None = None) -> Welcome:
        """Send HELLO and requests in one write; return the daemon's WELCOME. Raises as `find.welcomed`."""
        self.connection.send(wire.hello_frame("request") + requests, until)
        welcome = find.welcomed(self.connection, self.name, until)
        self._entered()
        return welcome

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
                self._entered()
                while (yield from self._turn(others, until)):
                    continue
            except errors.Lost:
                pass
            except errors.Silent:
                if self.connection.peer.name:  # over the next link, the host may have to answer first
                    raise
            except errors.Unreachable as error:
                if error.answered:
                    raise
                raise self._end(error.outcome) from error
            self.reconnect()  # outside the block: its errors are not the daemon's

    def _end(self, outcome: RequestOutcome = RequestOutcome.UNKNOWN) -> Ended | errors.DaemonDied:
        """Return the end of a session whose daemon is gone. `outcome`: of the last request."""
        # After `cut` the daemon still runs, and the name may find another session's result.
        if not self._cut and (ended := self._end_of(self)) is not None:
            return ended
        return errors.DaemonDied(f"the daemon of {self.name} died", outcome=outcome)

    def _turn(self, others: Callable[[], Watched] | None, until: float | None) -> Generator[Frame, None, bool]:
        """Yield what is ready; return False if the connection is to be replaced."""
        connection, keeper = self.connection, self._keeper
        frames = self.connection.take_frames()
        if until is not None and time.monotonic() >= until:
            yield LATE, 0, b""
        ready: list[int] = []
        if not frames:
            watched = others() if others is not None else []
            ready = self._ready(watched, until)
            yield from ((READY, descriptor, b"") for descriptor in ready if descriptor in dict(watched))
            if connection.inbound in ready:
                connection.read()
                frames = connection.take_frames()
        for kind, payload in frames:
            if kind == protocol.OUTPUT:
                position, fresh = self._new_part(*protocol.split_number(payload))
                if fresh:
                    yield kind, position, fresh
            elif kind in (protocol.DATA, protocol.RESPONSE):
                yield kind, protocol.response_number(payload) if kind == protocol.RESPONSE else 0, payload
        if keeper is None or not (ready or time.monotonic() >= keeper.due):
            return True
        self._next = keeper.run(ready)
        return self._next is None and keeper.health.state is not Health.LOST

    def _ready(self, watched: Watched, until: float | None) -> list[int]:
        """Poll the connection, the watched descriptors, and those of the keeper; return the ready ones."""
        descriptors, due = (self._keeper.descriptors, self._keeper.due) if self._keeper is not None else ((), inf)
        watched = [*watched, *((each, select.POLLIN) for each in (self.connection.inbound, *descriptors))]
        if self.audience >= 0:
            watched.append((self.audience, 0))
        until = min(due, inf if until is None else until)
        ready = polled(watched, None if until == inf else until)
        check_audience(ready, self.audience)
        return ready

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

    # -- the next connection

    def reconnect(self) -> None:
        """Replace the lost connection. Raises Ended if the session has ended, DaemonDied if its end is unknown.

        For a link raises why there is no other one; whether the session has ended is in the answer to HELLO.
        """
        if self._keeper is not None:
            self._replace_link(self._keeper)
            return
        try:
            self.connection.reconnect(self.name)
        except (errors.NotFound, errors.Unreachable):
            raise self._end() from None

    def _replace_link(self, keeper: LinkKeeper) -> None:
        """Go on over the next link, on which the request to enter the session is sent first; note loss and return."""
        link, self._next = self._next, None
        self._last_id = self.session_id
        self.connection.close()
        if isinstance(link, Exception):
            raise link
        if link is None:
            self._check_cut()
            goes_on = f"; {subject(self.name)} keeps running, reconnecting" if self.name else "; reconnecting"
            self._note(f"lost the link to @{self.host}{goes_on}")
            link = keeper.wait(str(self.host), self._check, self.deadline)
            self._note(f"reconnected to @{self.host}")
        self.connection = link
        self._watch(keeper)
        if self.name:
            with suppress(errors.Unreachable):  # HELLO is not answered then, either
                link.send(link.connect_request(self.name, self._last_id))

    def _watch(self, keeper: LinkKeeper) -> None:
        assert self.connection.health is not None  # noqa: S101 (each connection to a host is a link)
        keeper.watch(self.connection.health)
        if self._cut:
            self.connection.abort()

    def _entered(self) -> None:
        """Note the session that a link has entered, which may have another name now."""
        if self._keeper is None:
            return
        name = self.connection.peer.name or self.name
        if name != self.name:
            self._note(f"{self.name} is now called {name}")
        self.name = name
        facts = {"since": self.position or 0, "joined": self.connection.peer.pid} if name else {}
        self._keeper.entered(name, **facts)

    def _check_cut(self) -> None:
        """Raise Lost if the stream was cut: it opens no other link."""
        if self._cut:
            raise errors.Lost(f"the link to @{self.host} was cut")

    def _check(self) -> None:
        self._check_cut()
        self.check()

    def _ping(self, payload: bytes) -> None:
        self.connection.ping(payload)
