"""A stream of frames from a session's daemon, across its reload and lost links."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from sesh import errors, protocol, wire
from sesh.about import SESH
from sesh.descriptors import check_audience, polled
from sesh.errors import Ended, SeshError
from sesh.link.health import Health, WatchedConnection
from sesh.link.keeper import LinkKeeper
from sesh.messages import Welcome
from sesh.names import subject
from sesh.reach import find
from sesh.store import results
from sesh.wire import Connection

Watched = list[tuple[int, int]]  # descriptors to poll, with their events


@dataclass(frozen=True)
class NewOutput:
    """Output that the stream has not yielded before; `position`: of its first byte."""

    position: int
    data: bytes


@dataclass(frozen=True)
class DataFrame:
    payload: bytes


@dataclass(frozen=True)
class ResponseFrame:
    number: int  # of the request
    payload: bytes


@dataclass(frozen=True)
class Ready:
    descriptor: int


Arrival = NewOutput | DataFrame | ResponseFrame | Ready


def _stored_end(stream: Stream) -> Ended | None:
    """Find how a session of this machine ended; return None if that is unknown."""
    result = results.by_id(stream.session_id) if stream.session_id else find.result(stream.name)
    return Ended(stream.name, result, results.output(result)) if result is not None else None


class Stream:
    """A stream from a session's daemon; from the bridge of `host` if `name` is empty.

    `keeper`: of the link to `host`; None on this machine. `note`: receives a line when the link is lost and when it is
    back. `find_end`: returns how the session ended, None if that is unknown.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        deadline: float | None = None,
        *,
        host: str | None = None,
        keeper: LinkKeeper | None = None,
        note: Callable[[str], object] = lambda _: None,
        find_end: Callable[[Stream], Ended | None] = _stored_end,
    ) -> None:
        self.host = host
        self.connection = connection  # the current one; over the first, HELLO is not sent yet
        self.name = name  # of the session, kept up to date
        self.session_id = connection.peer.session_id  # empty until it is known
        self.deadline = deadline  # for the whole stream (monotonic)
        self.position: int | None = None  # after the last byte of output received; None before the first
        self.skipped = 0  # bytes of output that were missed
        self.audience = -1  # the descriptor that output is written to; `arrivals` raises once its reader is gone
        self.check: Callable[[], object] = lambda: None  # called while a link is lost; it may raise to end the stream
        self._keeper, self._note, self._find_end = keeper, note, find_end
        self._next_link: Connection | None = None  # it has already been opened, beside one that was doubted
        self._cut = False
        if keeper is not None:
            keeper.log("connect", session=name or None)
            self._watch(keeper)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.connection.close()
        if self._keeper is not None:
            self._keeper.close()
            self._keeper.log("disconnect", session=self.name or None, reason="closed")
        if isinstance(error, SeshError):
            error.host = error.host or self.host

    def cut(self) -> None:
        """Abort the stream from another thread."""
        self._cut = True
        self.connection.abort()

    def handshake(self, requests: bytes = b"", until: float | None = None) -> Welcome:
        """Send HELLO and requests in one write; return the daemon's WELCOME. Raises as `find.await_welcome`."""
        self.connection.send(wire.hello_frame("request") + requests, until)
        welcome = find.await_welcome(self.connection, self.name, until)
        self._note_session()
        return welcome

    def arrivals(
        self, request: Callable[[], object], *, watched: Callable[[], Watched] = list, until: float | None = None
    ) -> Iterator[Arrival]:
        """Yield what arrives, without end, over this connection and each one that replaces it.

        `request`: sends HELLO and requests over a new connection. `watched`: returns more descriptors to poll. Raises
        TimedOut at `until` (monotonic), Ended, DaemonDied, BrokenPipeError, and the errors of `request`.
        """
        while True:
            welcomed = False
            try:
                request()
                self._note_session()
                welcomed = self.session_id != ""
                while True:
                    yield from self._turn(watched, until)
            except errors.Lost:
                pass
            except errors.Silent:
                if self.connection.peer.name:  # else the host has not connected the link to the daemon: try another
                    raise
            except errors.Unreachable as error:
                if error.answered:
                    raise
                if not welcomed or self._cut:
                    raise self._end() from error
                # A connection that was full at a reload could not tell of it, and a session that has ended says so.
            self.reconnect()  # outside the block: its errors are not the daemon's

    def _end(self) -> Ended | errors.DaemonDied:
        """Return the end of a session whose daemon is gone."""
        # After `cut` the daemon still runs, and the name may find another session's result.
        if not self._cut and (ended := self._find_end(self)) is not None:
            return ended
        return errors.DaemonDied(f"the daemon of {self.name} died")

    def _turn(self, watched: Callable[[], Watched], until: float | None) -> Iterator[Arrival]:
        """Yield the next arrivals. Raises Lost if another connection is to take over."""
        if until is not None and time.monotonic() >= until:
            raise errors.TimedOut("timed out", hint=f"`{SESH} --status {self.name}` shows its pid")
        frames = self.connection.take_frames()
        ready: list[int] = []
        if not frames:
            others = watched()
            ready = self._poll(others, inf if until is None else until)
            yield from (Ready(descriptor) for descriptor, _ in others if descriptor in ready)
            if self.connection.inbound in ready:
                self.connection.read()
                frames = self.connection.take_frames()
        for kind, payload in frames:
            if kind == protocol.OUTPUT:
                output = self._take(*protocol.split_number(payload))
                if output.data:
                    yield output
            elif kind == protocol.DATA:
                yield DataFrame(payload)
            elif kind == protocol.RESPONSE:
                yield ResponseFrame(protocol.response_number(payload), payload)
        self._look_after_link(ready)

    def _poll(self, others: Watched, until: float) -> list[int]:
        """Wait for the connection and other descriptors; return the ready ones. Raises BrokenPipeError."""
        watched = [*others, (self.connection.inbound, select.POLLIN)]
        if self.audience >= 0:
            watched.append((self.audience, 0))
        if self._keeper is not None:
            watched += [(descriptor, select.POLLIN) for descriptor in self._keeper.descriptors]
            until = min(until, self._keeper.due)
        ready = polled(watched, None if until == inf else until)
        check_audience(ready, self.audience)
        return ready

    def take_output(self, ended: Ended) -> NewOutput:
        """Take the output in an ended session's result; return what is new of it."""
        end = ended.result.get("position")
        return self._take(end - len(ended.output), ended.output) if isinstance(end, int) else NewOutput(0, b"")

    def _take(self, position: int, data: bytes) -> NewOutput:
        """Count output as received; return the part that was not received before."""
        before = position if self.position is None else self.position
        self.skipped += max(0, position - before)
        self.position = max(before, position + len(data))
        new = data[max(0, before - position) :]
        return NewOutput(self.position - len(new), new)

    # -- over another connection

    def reconnect(self) -> None:
        """Connect to the daemon again, or go on over another link.

        Raises Ended; DaemonDied if the end is unknown; the reason why there is no link. Whether a
        session of a host has ended is in the response, which `handshake` reads.
        """
        if self._keeper is not None:
            self._take_next_link(self._keeper)
            return
        with suppress(errors.NotFound, errors.Unreachable):
            self.connection.reconnect(self.name)
            if not self._cut:
                return
        raise self._end()

    def _take_next_link(self, keeper: LinkKeeper) -> None:
        """Connect another link to the session; note the loss and the return."""
        self.connection.close()
        link, self._next_link = self._next_link, None
        if link is None:
            self._check_cut()
            if keeper.refusal is None:  # else `wait` raises it at once
                goes_on = f"; {subject(self.name)} keeps running, reconnecting" if self.name else "; reconnecting"
                self._note(f"lost the link to @{self.host}{goes_on}")
            link = keeper.wait(self.host or "", self._check, self.deadline)
            self._note(f"reconnected to @{self.host}")
        self.connection = link
        self._watch(keeper)
        if self.name:
            with suppress(errors.Unreachable):  # HELLO gets no WELCOME then, either
                link.send(link.connect_request(self.name, self.session_id))

    def _watch(self, keeper: LinkKeeper) -> None:
        """Let the keeper watch the current link; close it if the stream was cut."""
        assert isinstance(self.connection, WatchedConnection)  # noqa: S101 (each connection to a host is one)
        keeper.watch(self.connection, self.connection.ping)
        if self._cut:
            self.connection.abort()

    def _look_after_link(self, ready: list[int]) -> None:
        """Run the keeper if due. Raises Lost if another link is to take over."""
        keeper = self._keeper
        if keeper is None or (not ready and time.monotonic() < keeper.due):
            return
        self._next_link = keeper.run(ready)
        if self._next_link is not None or keeper.health.state is Health.LOST:
            raise errors.Lost(f"lost the link to @{self.host}")

    def _note_session(self) -> None:
        """Note the session's id, and on a host its name, which may have changed."""
        peer = self.connection.peer
        self.session_id = str(self.connection.welcome.get("id") or peer.session_id or self.session_id)
        if self._keeper is None:
            return
        if peer.name not in ("", self.name):
            self._note(f"{self.name} is now called {peer.name}")
            self.name = peer.name
        facts = {"since": self.position or 0, "joined": peer.pid} if self.name else {}
        self._keeper.session_connected(self.name, **facts)

    def _check_cut(self) -> None:
        """Raise Lost if the stream was cut: it opens no other link."""
        if self._cut:
            raise errors.Lost(f"the link to @{self.host} was cut")

    def _check(self) -> None:
        self._check_cut()
        self.check()
