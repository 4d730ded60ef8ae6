"""The server of one session: its signals, its listening socket, and its connections."""

from __future__ import annotations

import os
import signal
import socket
import time
from functools import partial

from sesh.about import PROGRAM
from sesh.daemon import description
from sesh.daemon.base.phase import Phase
from sesh.daemon.clients.client import client_of
from sesh.daemon.clients.connection import PeerConnection, Role
from sesh.daemon.clients.listener import Listener
from sesh.daemon.ending import Ending
from sesh.daemon.handler import ClientHandler
from sesh.daemon.request_methods import Reload, RequestMethods
from sesh.daemon.requests import MAX_DATA, Requests
from sesh.daemon.session import Session
from sesh.errors import TERMINATED, ProtocolError, Refused
from sesh.loop.loop import READ, WRITE
from sesh.schema import codec
from sesh.system import files, platforms, processes
from sesh.system.clock import STEADY
from sesh.wire import protocol

HELLO_TIMEOUT = 10.0
MAX_CONNECTIONS = 400  # at the limit, an idle one is closed for a new one; if none is idle, the new one is closed
MAX_UNSENT = 32 << 20  # unread bytes of responses; a connection with more is closed at its next request
SMALL_UNFINISHED = 32 << 10  # bytes of unfinished frames and requests that are each connection's share
MAX_UNFINISHED = 16 << 20  # unfinished bytes of all connections; above it, one with more than its share is closed
MAX_INPUT = 2 << 20  # bytes of input that wait for the program; above it, clients are not read
_WITH_RESPONSE = (protocol.PING, protocol.REQUEST, protocol.MODEL)
FRAMES_TIME = 0.01  # seconds spent on one connection's frames in one turn of the loop
ACCEPT_RETRY = 0.2  # seconds before accepting again, after the process ran out of descriptors


class Server:
    """Serves one session to its end. `creator`: the socket of its creator. `reload`: `reload.steps`."""

    def __init__(self, session: Session, listener: Listener, creator: socket.socket | None, reload: Reload) -> None:
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._waker, False)
        self.session = session
        self.listener = listener
        self._loop = session.loop
        self.connections: dict[int, PeerConnection] = {}
        self.handler = ClientHandler(session)
        self.ending = Ending(session, listener, self.handler, self.connections, self.drop)
        methods = RequestMethods(session, self.handler, self.ending, listener, partial(reload, self))
        self.requests = Requests(session, methods)
        if creator is not None:
            connection = PeerConnection(creator, awaits_creator=True)
            self.admit(connection)
            session.pump.log.whole = True
            session.pump.stdin.feeder = connection

    def _begin(self) -> None:
        processes.set_process_title(f"{PROGRAM}: {self.session.name}")
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        deadline = self.session.facts.ends_at
        if deadline is not None and self.session.life.running:
            self.session.loop.timers.set(self.ending.time_out, max(0.0, deadline - STEADY.now()))
        self._loop.watch(self._wakeup, READ, lambda *_: self._handle_signals(os.read(self._wakeup, 4096)))
        self._listen()
        self.session.relay.send_due_soon()
        self.ending.check_program()  # the program may have ended before SIGCHLD had a handler

    def run(self) -> None:
        session = self.session
        self._begin()
        while session.life.phase != Phase.ABANDONED:
            self._loop.turn()
            if session.life.running:
                continue
            session.faults.guard(self.ending.respond, "the ending")
            if session.life.over and not self.requests.unfinished:
                self.ending.close_finished()
                if not self.connections:
                    return

    def _handle_signals(self, numbers: bytes) -> None:
        session = self.session
        if signal.SIGTERM in numbers:
            self._terminate()
        if signal.SIGCHLD in numbers:
            self.ending.check_program()
            session.notifications.reap()
        if signal.SIGUSR1 in numbers and session.life.named:
            self._restore_files()

    def _terminate(self) -> None:
        """Abandon a restorable session if it has ended or the machine stops; else end it."""
        session = self.session
        life = self.session.life
        if session.facts.persist and life.named and (not life.running or platforms.shutting_down()):
            session.faults.guard(lambda: description.write_record(session, durable=True), "the record")
            session.faults.guard(session.checkpoints.write_last, "the checkpoint")
            life.become(Phase.ABANDONED)
        elif not life.over:
            self.ending.end_session(TERMINATED)

    def _restore_files(self) -> None:
        """Recreate the socket, the record and their directory, if they were removed."""
        files.ready_directory()
        self._loop.forget(self.listener.socket.fileno())
        try:
            self.listener.restore()
        finally:
            self._listen()
        description.write_record(self.session)

    # -- connections

    def _listen(self) -> None:
        accepts = self.session.life.named and not self.session.loop.timers.is_set(self._listen)
        descriptor = self.listener.socket.fileno()
        if descriptor >= 0:
            self._loop.watch(descriptor, READ if accepts else 0, self._accept)

    def _accept(self, *_: int) -> None:
        """Accept a connection; without descriptors, pause, or the loop would spin."""
        try:
            opened = self.listener.accept()
        except Refused as error:
            self.session.faults.note(f"a connection was closed: {error}")
            return
        except OSError:
            self.session.loop.timers.set(self._listen, ACCEPT_RETRY)
            self._listen()
            raise
        if opened is None:
            return
        if len(self.connections) >= MAX_CONNECTIONS:
            idle = [connection for connection in self.connections.values() if connection.idle]
            if not idle:
                opened.close()
                return
            self.drop(min(idle, key=lambda connection: connection.role != Role.UNKNOWN))  # first those without HELLO
        self.admit(PeerConnection(opened))

    def admit(self, connection: PeerConnection) -> None:
        """Serve a connection; drop it if its HELLO does not come within `HELLO_TIMEOUT`."""
        self.connections[connection.descriptor] = connection
        connection.changed = partial(self._loop.soon, partial(self._send_queued, connection.descriptor))
        self._drop_or_go_on(connection)
        self.session.loop.timers.set(self.handler.no_hello, HELLO_TIMEOUT, connection)

    def _send_queued(self, descriptor: int) -> None:
        connection = self.connections.get(descriptor)
        if connection is not None:  # else it was dropped meanwhile
            if not connection.blocked:
                connection.send_output(self.session.pump.log)
            if self.session.events.pending(connection):
                self._loop.soon(self.session.events.send_new)
            self._drop_or_go_on(connection)

    def _drop_or_go_on(self, connection: PeerConnection) -> None:
        """Drop a connection that is over; else watch its socket."""
        if connection.closed and not connection.unsent:
            self.drop(connection)
            return
        interest = WRITE if connection.blocked else 0
        must_wait = len(self.session.pump.unwritten) > MAX_INPUT and client_of(connection) is not None
        if not (connection.closed or connection.backlog or must_wait):
            interest |= READ
        self._loop.watch(connection.descriptor, interest, self._serve)

    def _serve(self, descriptor: int, ready: int) -> None:
        connection = self.connections[descriptor]
        try:
            if ready & WRITE:
                self.session.relay.go_on_with(connection)
            if ready & READ and not connection.closed and not connection.receive():
                self.drop(connection)
                return
            self._handle_frames(connection)
            others = self.connections.values()
            if connection.unfinished > SMALL_UNFINISHED and sum(each.unfinished for each in others) > MAX_UNFINISHED:
                raise ProtocolError("too many requests are unfinished")
        except Exception as error:
            self.session.faults.note("a connection was closed", error)
            connection.fail()
        if ready != READ or len(self.session.pump.unwritten) > MAX_INPUT:
            connection.changed()  # what the loop is to watch

    def _handle_frames(self, connection: PeerConnection) -> None:
        """Handle frames for `FRAMES_TIME`; the rest waits for the loop's next turn."""
        backlog = connection.backlog
        until = time.monotonic() + FRAMES_TIME
        while backlog and not connection.closed:  # `fail` has emptied it
            self._handle_frame(connection, *backlog.popleft())
            if backlog and time.monotonic() >= until:
                self.session.loop.timers.set(self._serve, 0.0, connection.descriptor, 0)
                connection.changed()
                return
        backlog.clear()

    def _handle_frame(self, connection: PeerConnection, kind: int, payload: bytes) -> None:
        if (client := client_of(connection)) is not None and kind == protocol.INPUT:
            self.handler.handle_input(client, payload)
        elif kind == protocol.HELLO:
            self.handler.handle_hello(connection, codec.parse(payload))
        elif len(connection.unsent) > MAX_UNSENT and kind in _WITH_RESPONSE:
            raise ProtocolError("a connection makes requests and reads no responses")
        elif kind == protocol.PING:  # also before HELLO: it may come over a link that a bridge has just handed over
            connection.queue(protocol.frame(protocol.PONG, payload))
        elif connection.role == Role.UNKNOWN:
            raise ProtocolError("a connection did not begin with HELLO")
        elif kind == protocol.DATA:
            connection.data += payload
            if len(connection.data) > MAX_DATA:
                raise ProtocolError("a connection sent more DATA than a request may carry")
        elif kind == protocol.REQUEST:
            self.handler.release_creator(connection)
            self.requests.handle(connection, codec.parse(payload))
        elif client is not None:
            self.handler.handle_frame(client, kind, payload)

    def drop(self, connection: PeerConnection) -> None:
        """Close a connection now, and forget what waits for it."""
        session = self.session
        stdin = session.pump.stdin
        client = client_of(connection)
        if self.connections.get(connection.descriptor) is connection:
            del self.connections[connection.descriptor]
            self._loop.forget(connection.descriptor)
        session.loop.timers.clear(self._serve, connection.descriptor, 0)
        self.handler.release_creator(connection)
        session.events.forget(connection)
        session.waits.forget(connection)
        if stdin.feeder is connection:
            session.loop.timers.set(stdin.close, stdin.linger)
        if client is not None:
            self.handler.forget(client)
        session.relay.followers.pop(connection, None)
        connection.drop()
        session.relay.send_due_soon()
