"""The daemon's loop: one poller over the pty, the listening socket, the connections and the signals."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable

from sesh import protocol, system
from sesh.daemon.clients.connection import Connection
from sesh.daemon.clients.listener import Listener
from sesh.daemon.ending import Ending, SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.passing import Passing
from sesh.daemon.pty.pump import WINDOW
from sesh.daemon.requests import MAX_DATA, Requests
from sesh.daemon.screen.model import Packer
from sesh.daemon.session import Session
from sesh.errors import TERMINATED, ProtocolError, Refused, SeshError
from sesh.loop.poller import READ, WRITE, Poller
from sesh.moments import STEADY
from sesh.store import results

Reload = Callable[["Server", Connection, int, str, list[str]], None]

HELLO_TIMEOUT = 10.0
"""Seconds in which a connection has to say HELLO."""
MAX_CONNECTIONS = 400
"""Connections at once. Beyond it the oldest idle one is closed for a new one, which else waits in the backlog."""
MAX_UNSENT = 32 << 20
"""Bytes of answers that a connection may leave unread and still make requests."""
HELD_EACH, MAX_HELD = 32 << 10, 16 << 20
"""Bytes of unfinished frames and requests: those of one connection that do not count, and of all others together."""
_ANSWERED = (protocol.PING, protocol.REQUEST, protocol.MODEL, protocol.NOTICE)
"""Frames that are answered."""
TURN = 0.01
"""Seconds for which one connection's frames are handled before it is the others' turn."""
CROWDED = 0.2
"""Seconds for which no connection is accepted after the process ran out of descriptors."""
STRANGER = 60.0
"""Seconds after which the log of faults names another user's attempt to connect again."""
AGAIN = 0.1
"""Seconds until a step of the loop that failed is tried again."""


class Server:
    """Serves one session until it has ended and everybody knows.

    `creator` is the creator's connection. `reload` carries out `reload` requests.
    """

    def __init__(self, session: Session, listener: Listener, creator: socket.socket | None, reload: Reload) -> None:
        self._poller = Poller()
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._waker, False)
        self.session, self.listener = session, listener
        self.connections: dict[int, Connection] = {}
        self.files = SessionFiles(session, listener)
        self.handler = ClientHandler(session)
        self.ending = Ending(session, self.files, self.handler, self.connections, self.drop)
        self.requests = Requests(session, self.handler, self.ending, self.files, self.reload)
        self._passing = Passing(session, self.handler, self._poller, self)
        self._packer = Packer(session.log, session.model, session.timers)
        self._reload = reload
        self._stopping = False
        """True if the machine shuts down; then the session is left behind as lost."""
        self._frames_left = False
        """True if frames wait for the next turn."""
        self._screens_due = False
        """True if clients wait for the emulator."""
        self._only_passed = False
        """True if the last turn only passed one descriptor's bytes on: the next one waits for the same, see `turn`."""
        self._creator: Connection | None = None
        """The creator's connection until it has said what it wants: it may want the output from the beginning."""
        if creator is not None:
            connection = Connection(creator, creator=True)
            self.admit(connection)
            self._creator = connection
            if session.pump.stdin is not None:
                session.pump.stdin.feeder = connection

    def run(self) -> None:
        """Runs until nothing is left to do. `begin` comes before."""
        while self._only_passed or not self.over:
            self.turn()
        if self.ending.done:
            results.sync(self.session.facts["id"])

    def begin(self) -> None:
        """Sets signals and a job's deadline up; called before the first turn."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        deadline = self.session.facts["deadline"]
        if deadline is not None and self.session.running:
            self.session.timers.set("timeout", max(0.0, deadline - STEADY.now()), self.ending.time_out)
        self.ending.child_ended()  # it may have ended before there was a handler

    @property
    def over(self) -> bool:
        """True if nothing is left to do. Asking closes connections that are done (`Ending.close_finished`)."""
        return self._stopping or (self.ending.done and not self.requests.pending and self.ending.close_finished())

    @property
    def named(self) -> bool:
        """True if the session still has its name: it runs, or is kept."""
        return not self.ending.done or self.ending.late or bool(self.session.facts["keep"])

    # -- the loop

    def turn(self) -> None:
        """Waits for something to happen and handles it; the emulator gets the moments in between.

        Most turns only pass output or keys on: the handlers return whether that is all, and no screen, request, event
        or other connection has anything to do. Such a turn ends at once, and the next one waits for the same. But time
        and the emulator go on: if one of them was due already (0 seconds to wait), the turn is a whole one. For one
        client, `Passing` does so while the turn waits.
        """
        session = self.session
        guard, log, model = session.faults.guard, session.log, session.model
        if not self._only_passed:
            self._screens_due = self._tried(session.relay.serve, "a screen")
            self._tried(self._update_poller, "what is waited for")
        seconds = self._wait_time()
        self._frames_left = self._only_passed = False
        ready = self._passing.wait(seconds)
        if ready is None:
            self._only_passed = True
            return
        passed = False
        for descriptor, events in ready:
            try:
                passed = self._ready(descriptor, events)
            except Exception as error:
                passed = False
                session.faults.note("a fault in an event", error)
        if passed and len(ready) == 1 and seconds != 0.0:
            self._only_passed = True
            return
        # The emulator waits while anything happens, unless that goes on for too long.
        behind = model.lag > 0
        if (behind and (not ready or self._emulator_overdue())) or (self._screens_due and not ready):
            self._tried(model.step, "the emulator")
        guard(session.timers.run, "a timer")
        if self.requests.deferred:
            guard(self.requests.resume, "a late answer")
        if self.ending.done:
            guard(self.ending.tell, "the ending")
        session.events.feed()
        for connection in list(self.connections.values()):
            if connection.has_work(log):
                guard(self._work, "a connection", connection)
        if self._creator is not None and (self._creator.closed or not self._creator.creator):
            self._creator = None
        if self._creator is None or model.full:
            session.relay.trim()
        if log.head + model.position > self._packer.due_at:
            self._packer.arm()

    def _emulator_overdue(self) -> bool:
        """Returns whether the emulator has waited for too long, though something happens."""
        model = self.session.model
        return (bool(self.requests.deferred) or not model.waits_for_more) and model.overdue()

    def _tried(self, step: Callable[[], object], name: str) -> bool:
        """Takes a step of the loop; returns whether it returned True. One that fails is noted, and soon tried again."""
        try:
            return step() is True
        except Exception as error:
            self.session.faults.note(f"a fault in {name}", error)
            self.session.timers.ensure("again", AGAIN, lambda: None)
            return False

    def _wait_time(self) -> float | None:
        """Seconds for which the turn may wait for something to happen, None for no limit."""
        if self._screens_due or self.requests.deferred or self._frames_left or (self.ending.done and self.ending.due()):
            return 0.0
        session = self.session
        model, timers = session.model, session.timers
        seconds = timers.wait_time()
        if not model.lag or timers.is_set("again") or (model.waits_for_more and session.relay.echoes is None):
            return seconds
        return min(model.wait_time(), 1.0 if seconds is None else seconds)

    def _work(self, connection: Connection) -> None:
        """Handles a connection's frames, sends its output, and closes it if it is done."""
        if connection.backlog:
            self.serve(connection, 0)
        if not connection.blocked:
            connection.feed(self.session.log)
        if connection.closed or (connection.closing and not connection.unsent):
            self.drop(connection)

    def _update_poller(self) -> None:
        session, pump, pty = self.session, self.session.pump, self.session.pump.pty
        watched: dict[int, int] = {self._wakeup: READ}
        if self.named and not self._crowded():
            watched[self.listener.socket.fileno()] = READ
        if pty is not None and pty.descriptor >= 0 and pump.open:
            waits = session.relay.paused() or (pump.dozes and not self.connections)
            watched[pty.descriptor] = (0 if waits else READ) | (WRITE if pump.input else 0)
        if pump.stdin is not None and pump.stdin.pending:
            watched[pump.stdin.descriptor] = WRITE
        for descriptor, connection in self.connections.items():
            watched[descriptor] = (READ if self._reads(connection) else 0) | (WRITE if connection.blocked else 0)
        self._poller.watch({descriptor: events for descriptor, events in watched.items() if events})

    def _reads(self, connection: Connection) -> bool:
        """Returns whether a connection is read from: not while too much of its input waits for the program."""
        client = connection.client
        return (
            connection.listening
            and not connection.backlog
            and (client is None or self.session.pump.input.waiting(client.number) <= 2 * WINDOW)
        )

    def _ready(self, descriptor: int, events: int) -> bool:
        """Handles a descriptor that is ready; returns whether that only passed bytes on (see `turn`)."""
        connection = self.connections.get(descriptor)
        if connection is not None:
            return self.serve(connection, events) and events == READ and not self._frames_left
        pump, pty = self.session.pump, self.session.pump.pty
        if pty is not None and descriptor == pty.descriptor:
            if events & WRITE:
                pump.drain()
            if events & READ:
                pump.take(self.session.model.portion)
                return events == READ and pump.delivered
        elif pump.stdin is not None and descriptor == pump.stdin.descriptor:
            if pump.stdin.write():
                self.files.close_stdin()
        elif descriptor == self._wakeup:
            self._signalled(os.read(self._wakeup, 4096))
        elif descriptor == self.listener.socket.fileno():
            self._accept()
        return False

    # -- signals

    def _signalled(self, numbers: bytes) -> None:
        session = self.session
        if signal.SIGTERM in numbers:
            kept = self.ending.done and session.facts["keep"]
            if session.facts["persist"] and (kept or (session.running and system.shutting_down())):
                # Left behind, to be read, and started again later; one that ran is lost.
                session.faults.guard(lambda: session.get_checkpointer().write_last(), "the checkpoint")
                self._stopping = True
            elif self.ending.late and self.ending.unseen:
                self.ending.leave()
            else:
                self.ending.begin(reason=TERMINATED)
        if signal.SIGCHLD in numbers:
            self.ending.child_ended()
            if session.hooks is not None:
                session.hooks.reap()
        if signal.SIGUSR1 in numbers and self.named:
            self.files.restore()

    # -- connections

    def _crowded(self) -> bool:
        """Returns whether no connection can be accepted: descriptors ran out, or all of too many are in use."""
        return self.session.timers.is_set("crowded") or (
            len(self.connections) >= MAX_CONNECTIONS and self._idlest() is None
        )

    def _idlest(self) -> Connection | None:
        """The oldest connection without a HELLO, else the oldest idle one."""
        idle = [connection for connection in self.connections.values() if connection.idle]
        return min(idle, key=lambda connection: bool(connection.role), default=None)

    def _accept(self) -> None:
        """Accepts a connection. Out of descriptors, ignores the listening socket for a while, as it stays ready."""
        try:
            opened = self.listener.accept()
        except Refused as error:
            if not self.session.timers.is_set("stranger"):  # many would push all else out of the log
                self.session.faults.note(f"a connection was closed: {error}")
                self.session.timers.set("stranger", STRANGER, lambda: None)
            return
        except OSError:
            self.session.timers.set("crowded", CROWDED, lambda: None)
            raise
        if opened is None:
            return
        idle = self._idlest() if len(self.connections) >= MAX_CONNECTIONS else None
        if idle is not None:
            self.drop(idle)
        self.admit(Connection(opened))

    def admit(self, connection: Connection) -> None:
        """Serves a connection from now on. One without a role yet has a while to say HELLO."""
        self.connections[connection.descriptor] = connection
        self.session.pump.wake()
        self._frames_left = self._frames_left or bool(connection.role)
        if connection.role and not connection.creator:
            return
        self.session.timers.set(("hello", connection.descriptor), HELLO_TIMEOUT, lambda: self._no_hello(connection))

    def _no_hello(self, connection: Connection) -> None:
        connection.creator = False
        if not connection.role:
            self.drop(connection)

    def serve(self, connection: Connection, events: int, data: bytes | None = None) -> bool:
        """Handles a connection's events; returns whether that only passed keys on (see `turn`). Faults end it alone.

        `data`: what was read from it already, if anything was.
        """
        try:
            if events & WRITE:
                if connection.client is not None:
                    self.session.relay.writable(connection.client)
                else:
                    connection.feed(self.session.log)
            if events & READ and not connection.closed and not connection.receive(data):
                self.drop(connection)
                return False
            if self._handle_frames(connection):
                return True
            if connection.held > HELD_EACH:
                self._bound_held()
            return False
        except Exception as error:
            self.failed(connection, error)
            return False

    def failed(self, connection: Connection, error: Exception) -> None:
        """Closes a connection whose frame was refused or not handled, and raises what is no refusal again."""
        if isinstance(error, SeshError):
            self.session.faults.note("a connection was closed", error)
            self.drop(connection)
            return
        self.drop(connection)
        raise error

    def _bound_held(self) -> None:
        """Closes connections with unfinished requests, the longest silent first, until they hold few enough bytes."""
        holders = [connection for connection in self.connections.values() if connection.held > HELD_EACH]
        held = sum(connection.held for connection in holders)
        for connection in sorted(holders, key=lambda holder: holder.heard_at):
            if held <= MAX_HELD:
                return
            held -= connection.held
            self.session.faults.note("a connection was closed: too many requests are unfinished")
            self.drop(connection)

    def _handle_frames(self, connection: Connection) -> bool:
        """Handles a connection's frames, for `TURN` at most; returns whether that only passed keys on (see `turn`)."""
        backlog = connection.backlog
        until: float | None = None
        while backlog and not (connection.closed or connection.closing):
            kind, payload = backlog.popleft()
            try:
                if kind == protocol.INPUT and connection.client is not None:
                    passed = self.handler.input(connection.client, payload)
                    if not backlog:
                        return passed and until is None  # no other frame came before
                else:
                    self._handle_frame(connection, kind, payload)
            except Exception:
                if kind == protocol.HELLO:
                    self.drop(connection)  # half attached, it is of no use to anyone
                raise
            now = time.monotonic()
            if until is None:
                until = now + TURN
            elif now >= until:
                break
        if not connection.listening:
            backlog.clear()
        self._frames_left = self._frames_left or bool(backlog)
        return False

    def _handle_frame(self, connection: Connection, kind: int, payload: bytes) -> None:
        if kind == protocol.HELLO:
            self.handler.hello(connection, protocol.parse(payload))
        elif not connection.role:
            raise ProtocolError("a connection did not begin with HELLO")
        elif connection.unsent > MAX_UNSENT and kind in _ANSWERED:
            raise ProtocolError("a connection makes requests and reads no answers")
        elif kind == protocol.PING:
            connection.queue(protocol.frame(protocol.PONG, payload))
        elif kind == protocol.DATA:
            connection.data += payload
            if len(connection.data) > MAX_DATA:
                raise ProtocolError("a connection sent more DATA than a request may carry")
        elif kind == protocol.REQUEST:
            self.requests.handle(connection, protocol.parse(payload))
        elif connection.client is not None:
            self.handler.frame(connection.client, kind, payload)

    def drop(self, connection: Connection) -> None:
        """Closes a connection and forgets what belongs to it. The session goes on."""
        session, stdin = self.session, self.session.pump.stdin
        if self.connections.get(connection.descriptor) is connection:
            del self.connections[connection.descriptor]
        session.timers.clear(("hello", connection.descriptor))
        session.events.forget(connection)
        if stdin is not None and stdin.feeder is connection:
            session.timers.set("stdin", stdin.linger, self.files.close_stdin)
        if connection.client is not None:
            self.handler.forget(connection.client)
        if connection.reader is not None and connection.reader in session.relay.followers:
            session.relay.followers.remove(connection.reader)
        connection.drop()

    def send_back(self, asker: Connection) -> None:
        """Answer what waits for the emulator, and tell all peers but the `asker` to come back."""
        self.requests.flush()
        for connection in self.connections.values():
            if connection is not asker:
                connection.queue(protocol.frame(protocol.RELOADED))
            connection.flush()

    def reload(self, connection: Connection, number: int, python: str, path: list[str]) -> None:
        """Goes on as another sesh. Raises Busy, Refused."""
        self._reload(self, connection, number, python, path)
