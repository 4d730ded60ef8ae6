"""The exchanges with a session's daemon, across lost links and the daemon's reload.

A stream owns its open exchanges. Over each new connection it sends HELLO and those that may be repeated, in one write;
it matches responses, and counts output, so that each byte is new once. What a verb does is its exchanges, and a
function of what arrives.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from sesh import errors
from sesh.about import SESH
from sesh.errors import SeshError
from sesh.names import subject
from sesh.reach.exchange import Exchange
from sesh.reach.target import Target
from sesh.schema.outcomes import Ended
from sesh.system.descriptors import check_audience, polled
from sesh.wire import protocol
from sesh.wire.connection import Connection, hello_frame
from sesh.wire.messages import Response, Welcome

if TYPE_CHECKING:
    from sesh.link.keeper import LinkKeeper

_STOP_INTERVAL = 0.1  # seconds between two looks at the Stop without a link
Others = list[tuple[int, int, Callable[[], object]]]  # descriptors to poll, with events, and what to call once ready


class Arrival(NamedTuple):
    """What a stream yields: OUTPUT that it has not yielded before, DATA, TAKEN, or a RESPONSE.

    `number`: the position of the output's first byte, or the id of the request. `exchange`: which the RESPONSE ends.
    """

    kind: int
    number: int
    payload: bytes
    exchange: Exchange[Any] | None = None


@dataclass
class ReceivedOutput:
    """Counts the output that a stream has received, so that each byte is new once.

    `position`: after the last received byte; None before the first. `missed`: bytes that the daemon had no longer.
    """

    position: int | None = None
    missed: int = 0

    def count(self, position: int, data: bytes) -> Arrival:
        """Count output; return the part that was not received before."""
        received = position if self.position is None else self.position
        self.missed += max(0, position - received)
        self.position = max(received, position + len(data))
        new = data[max(0, received - position) :]
        return Arrival(protocol.OUTPUT, self.position - len(new), new)

    def count_stored(self, ended: Ended, since: int | None = None) -> Arrival:
        """Count the output in an ended session's result; return the new part.

        `since`: where the output that counts begins, if none was received.
        """
        if self.position is None:
            self.position = since
        end = ended.result.get("position")
        nothing = Arrival(protocol.OUTPUT, 0, b"")
        return self.count(end - len(ended.output), ended.output) if isinstance(end, int) else nothing


class Stream:
    """A stream from a session's daemon.

    Without a `name` it is from the bridge of a host. `keeper`: of the link to the host; by default one that logs.
    `greet`: begins each connection; by default with HELLO and the open exchanges. The caller of `target` gets a note
    when the link is lost and when it is back, and its Stop ends the stream's context.
    """

    def __init__(
        self,
        target: Target,
        connection: Connection,
        name: str,
        keeper: LinkKeeper | None = None,
        *,
        greet: Callable[[], object] | None = None,
    ) -> None:
        self.host = target.host
        self.connection = connection  # the current one; HELLO is not sent yet over the first one
        self.name = name  # of the session, kept up to date
        self.session_id = connection.peer.session_id  # empty while unknown
        self.deadline = target.deadline  # for the whole stream (monotonic)
        self.output = ReceivedOutput()
        self.waits_for_daemon = False  # for its WELCOME as long as for anything, not for `WELCOME_TIMEOUT`
        self.audience = -1  # the descriptor that output is written to; `arrivals` raises once its reader is gone
        self._target = target
        self._note = target.caller.note
        self._stop = target.caller.stop
        self._keeper = keeper = keeper or target.keeper()
        self._others: Callable[[], Others] = list
        self._until = inf
        self._greet = greet or self._say_hello
        self.welcome: Welcome = {}  # the first one; empty before
        self._greeted = False  # over the current connection
        self._open: list[Exchange[Any]] = []
        self._frames: deque[tuple[int, bytes]] = deque()  # that were read, and not yielded yet
        self._is_reload = False  # the last connection has ended by a reload, which carries out no request
        self._knows_keys = False  # the daemon carries out each request with a key once
        self._exits = ExitStack()  # filled by `__enter__`
        if keeper is not None:
            keeper.log("connect", session=name or None)
            keeper.watch(connection, connection.ping)

    @classmethod
    def open(cls, target: Target, name: str, limit: float | None = None) -> Stream:
        """Open a stream to a session's daemon, for at most `limit` seconds in all."""
        if limit is not None:
            target = target.until(time.monotonic() + limit)
        return cls(target, target.connect(name), name)

    def __enter__(self) -> Stream:
        with ExitStack() as exits:
            exits.push(self._close)
            exits.enter_context(self._stop.calling(self.cut))
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._exits.__exit__(*error)

    def _close(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.connection.close()
        if self._keeper is not None:
            self._keeper.close()
            self._keeper.log("disconnect", session=self.name or None, reason="closed")
        if isinstance(error, SeshError) and self.host and not error.host:
            raise error.told_by(self.host) from error

    def cut(self) -> None:
        """Wake the stream once its caller was stopped; runs in another thread."""
        self.connection.abort()

    @property
    def lost(self) -> bool:
        """True while the stream waits for another link."""
        return self.connection.inbound < 0

    def connect(self, until: float | None = None) -> Welcome:
        """Begin the connection, or another one if it is lost, unless it has begun; return the first WELCOME.

        Raises TimedOut at `until` (monotonic), and as `arrivals`.
        """
        if until is not None:
            self._until = until
        while not self._greeted:
            self._check_repeats()
            try:
                self._greet()
                self._greeted = True
                self._record_session()
            except errors.Unreachable as error:
                self._is_reload = self.connection.reloaded
                self._raise_unless_lost(error, welcomed=False)
                self.reconnect()
        return self.welcome

    def _say_hello(self) -> None:
        """Send HELLO and the open exchanges in one write, and read the daemon's WELCOME.

        Raises as `Connection.handshake`.
        """
        connection = self.connection
        self._is_reload = False
        requests = b"".join(exchange.frames(connection, with_hello=True) for exchange in self._open)
        if self.waits_for_daemon:
            connection.send(hello_frame("request") + requests)
            welcome = connection.expect_welcome(self.deadline)
        else:
            until = min([self._until, *(each.deadline for each in self._open if each.deadline is not None)])
            welcome = connection.handshake(requests, None if until == inf else until)
        self.welcome = self.welcome or welcome
        self._knows_keys = bool(welcome.get("keys"))
        self.name = str(welcome.get("name") or self.name)

    def _check_repeats(self) -> None:
        """Raise Unreachable, with exit code 255, if an open exchange may not be sent over another connection."""
        for exchange in self._open:
            if not (self._is_reload or exchange.may_be_sent(knows_keys=self._knows_keys)):
                raise errors.unanswered(self.name, exchange.request)

    def submit(self, exchange: Exchange[Response]) -> Exchange[Response]:
        """Open an exchange: send it now, if a connection has begun, and over each later one; return it."""
        self._open.append(exchange)
        if self._greeted and not self.lost:
            frames = exchange.frames(self.connection)
            # Who does not take a small frame for a second does not read, and must not delay a Ctrl-C.
            until = time.monotonic() + 1 if len(frames) <= select.PIPE_BUF else exchange.deadline
            with suppress(errors.TimedOut, errors.Unreachable):  # what reads the response finds the error, too
                self.connection.send(frames, until)
        return exchange

    def ask(self, exchange: Exchange[Response]) -> tuple[Response, bytes]:
        """Open an exchange; return its response and the DATA before it.

        Raises the error in the response, as `arrivals`, and Unreachable, with exit code 255, if a request that changes
        something has no response.
        """
        self.submit(exchange)
        try:
            for kind, _, payload, answered in self.arrivals(until=exchange.deadline):
                if kind == protocol.DATA:
                    protocol.carry(exchange.carried, payload)
                elif answered is exchange:
                    return exchange.response(self.connection, payload), bytes(exchange.carried)
                elif kind == protocol.RESPONSE:
                    exchange.carried.clear()
        except errors.Interrupted:
            raise
        except SeshError as error:
            if exchange.may_be_done:
                raise errors.unanswered(self.name, exchange.request) from error
            raise
        finally:
            self.close(exchange)
        raise AssertionError("arrivals have no end")

    def close(self, exchange: Exchange[Any]) -> None:
        """Forget an exchange, if it is open."""
        if exchange in self._open:
            self._open.remove(exchange)

    def arrivals(self, *, others: Callable[[], Others] = list, until: float | None = None) -> Iterator[Arrival]:
        """Yield what arrives, without end, over this connection and each one that replaces it.

        `others`: returns further descriptors, which are polled while a link is lost, too. Raises TimedOut at `until`
        (monotonic), Ended, DaemonDied, BrokenPipeError, and as `connect`.
        """
        self._others, self._until = others, inf if until is None else until
        while True:
            self.connect()
            next_link = None
            try:
                while next_link is None:
                    next_link = yield from self._next_arrivals()
            except errors.Unreachable as error:
                self._is_reload = self.connection.reloaded
                self._raise_unless_lost(error, welcomed=self.session_id != "")
            self.reconnect(next_link)  # outside `try`: errors of the reconnect start no other one

    def _raise_unless_lost(self, error: errors.Unreachable, *, welcomed: bool) -> None:
        """Return if another connection may go on. Raises the error, Ended, DaemonDied, Interrupted."""
        self._stop.check()
        if isinstance(error, errors.ConnectionLost):  # the link is lost, or the daemon was reloaded
            return
        if error.reason == errors.NO_ANSWER:
            if self.connection.peer.name:  # else the host has not connected the link to the daemon: another link may
                raise error
            return
        if error.in_response:  # the daemon, or the host, refuses the request
            raise error
        # The daemon has closed the connection. Look for the end first: the end of a session is no lost link, and must
        # not be noted as one.
        end = self._end()
        if not welcomed or isinstance(end, Ended):
            raise end from error
        # It still runs: a daemon that reloads sends no RELOADED to a peer that reads too slowly.

    def _end(self) -> Ended | errors.DaemonDied:
        """Return the end of a session whose daemon is gone."""
        ended = self._target.find_end(self.name, self.session_id, self.deadline) if self.name else None
        return ended or errors.DaemonDied(f"the daemon of {self.name} died")

    def _next_arrivals(self) -> Generator[Arrival, None, Connection | None]:
        """Wait; yield what has arrived; return the link that replaces a doubted one. Raises ConnectionLost."""
        frames = self._frames
        frames += self.connection.take_frames()
        ready: list[int] = []
        if not frames:
            ready = self._poll(self._until)
            if self.connection.inbound in ready:
                self.connection.read()
                frames += self.connection.take_frames()
            elif time.monotonic() >= self._until:
                look = f"`{SESH} status {self.name}` shows its pid"
                raise errors.TimedOut("the session's daemon did not answer in time", hint=look)
        while frames:
            kind, payload = frames.popleft()
            if kind == protocol.OUTPUT:
                output = self.output.count(*protocol.split_number(payload))
                if output.payload:
                    yield output
            elif kind in (protocol.DATA, protocol.TAKEN):
                yield Arrival(kind, 0, payload)
            elif kind == protocol.RESPONSE:
                number = protocol.response_number(payload)
                exchange = next((each for each in self._open if each.number == number), None)
                if exchange is not None:
                    self.close(exchange)
                yield Arrival(kind, number, payload, exchange)
        return self._run_keeper(ready)

    def _poll(self, until: float) -> list[int]:
        """Wait for connection, keeper and others; serve the others. Return the ready ones. Raises BrokenPipeError."""
        others = self._others()
        inbound = [self.connection.inbound]
        if self._keeper is not None:
            inbound += self._keeper.descriptors
            until = min(until, self._keeper.due)
        watched = [(self.audience, 0), *((descriptor, select.POLLIN) for descriptor in inbound)]
        watched += [(descriptor, events) for descriptor, events, _ in others]
        ready = polled([each for each in watched if each[0] >= 0], None if until == inf else until)
        check_audience(ready, self.audience)
        for descriptor, _, serve in others:
            if descriptor in ready:
                serve()
        return ready

    # -- over another connection

    def reconnect(self, next_link: Connection | None = None) -> None:
        """Connect to the daemon again, over another link if the daemon is on a host.

        `next_link`: is open already. Raises Ended, DaemonDied if the end is unknown, and the error for which no other
        link opens. On a host, an end is in the response that `handshake` reads.
        """
        self._greeted = False
        self._frames.clear()
        if self._keeper is None:
            with suppress(errors.NotFound, errors.Unreachable):
                self.connection.reconnect()
                self._stop.check()
                return
            raise self._end()
        self.connection.close()
        self.connection = link = next_link or self._await_link(self._keeper)
        self._keeper.watch(link, link.ping)
        self._stop.check()  # `cut` may have aborted the link before
        if self.name:
            with suppress(errors.Unreachable):  # the handshake raises the error again
                link.send(link.connect_request(self.name, self.session_id))

    def _await_link(self, keeper: LinkKeeper) -> Connection:
        """Wait for the link that replaces a lost one; note loss and return."""
        keeper.link_closed()
        if keeper.refusal is None:
            running = f"; {subject(self.name)} keeps running, reconnecting" if self.name else "; reconnecting"
            self._note(f"lost the link to @{self.host}{running}")
        until = min(self._until, inf if self.deadline is None else self.deadline)
        ready: list[int] = []
        while True:
            self._stop.check()
            if (link := keeper.run(ready)) is not None:
                self._note(f"reconnected to @{self.host}")
                return link
            if keeper.refusal is not None:
                raise keeper.refusal
            if time.monotonic() >= until:
                raise errors.TimedOut(f"timed out: @{self.host} is still unreachable")
            ready = self._poll(min(until, time.monotonic() + _STOP_INTERVAL))

    def _run_keeper(self, ready: list[int]) -> Connection | None:
        """Run the keeper if due; return the next link, if one is open. Raises ConnectionLost."""
        keeper = self._keeper
        if keeper is None or (not ready and time.monotonic() < keeper.due):
            return None
        next_link = keeper.run(ready)
        if next_link is None and keeper.health.state.lost:
            raise errors.ConnectionLost(f"lost the link to @{self.host}")
        return next_link

    def _record_session(self) -> None:
        """Record the session's id, and on a host its name, which may have changed."""
        peer = self.connection.peer
        self.session_id = str(self.connection.welcome.get("id") or peer.session_id or self.session_id)
        if self._keeper is None:
            return
        if peer.name not in ("", self.name):
            self._note(f"{self.name} is now called {peer.name}")
            self.name = peer.name
        facts = {"since": self.output.position or 0, "joined": peer.pid} if self.name else {}
        self._keeper.session_connected(self.name, **facts)
