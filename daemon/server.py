"""The server of one session: the turn, in which all that happens to a session happens, its signals and its sockets."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial

from sesh.about import PROGRAM
from sesh.daemon.base.due import NEVER, Part
from sesh.daemon.base.phase import Phase
from sesh.daemon.clients.client import Client, client_of
from sesh.daemon.clients.connection import Outbox, PeerConnection, Role
from sesh.daemon.clients.listener import Listener
from sesh.daemon.desktop import shims
from sesh.daemon.desktop.desk import FRAMES as DESK_FRAMES
from sesh.daemon.life import description
from sesh.daemon.life.ending import Ending
from sesh.daemon.requests.methods import Reload, RequestMethods
from sesh.daemon.requests.requests import MAX_DATA, Requests
from sesh.daemon.session import Session
from sesh.errors import TERMINATED, ProtocolError, Refused
from sesh.loop.poll import READ, WRITE, Poll
from sesh.schema import codec
from sesh.system import files, platforms, processes
from sesh.wire import protocol

HELLO_TIMEOUT = 10.0
MAX_CONNECTIONS = 400  # at the limit, an idle one is closed for a new one; if none is idle, the new one is closed
MAX_UNSENT = 32 << 20  # unread bytes of responses; a connection with more is closed at its next request
SMALL_UNFINISHED = 32 << 10  # bytes of unfinished frames and requests that are each connection's share
MAX_UNFINISHED = 16 << 20  # unfinished bytes of all connections; above it, one with more than its share is closed
MAX_INPUT = 2 << 20  # bytes of input that wait for the program; above it, clients are not read
_WITH_RESPONSE = (protocol.PING, protocol.REQUEST, protocol.MODEL)
FRAMES_TIME = 0.01  # seconds spent on one connection's frames in one turn
ACCEPT_RETRY = 0.2  # seconds before accepting again, after the process ran out of descriptors
FAULT_PAUSE = 0.1  # seconds before a part that has failed acts again


class Server:
    """Serves one session to its end. `creator`: the socket of its creator. `reload`: `reload.steps`."""

    def __init__(self, session: Session, listener: Listener, creator: socket.socket | None, reload: Reload) -> None:
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._waker, False)
        self.session = session
        self.listener = listener
        self._poll = Poll()
        # The listening socket, the pty and a job's stdin: the descriptors, then what each is watched for.
        self._watched: tuple[int, ...] = (-1, -1, -1, 0, 0, 0)
        self._is_full = False  # so much input waits for the program that clients are not read
        self._accepts_from = 0.0  # time (monotonic) until which no connection is accepted
        self.outbox: Outbox = {}
        self.connections: dict[int, PeerConnection] = {}
        self._hello_by: dict[PeerConnection, float] = {}  # when (monotonic) its HELLO must have come, soonest first
        self._backlogs: dict[PeerConnection, None] = {}  # connections with frames left from the last turn
        self.ending = Ending(session.agenda, session, listener, self.connections)
        methods = RequestMethods(session, self.ending, listener, partial(reload, self))
        self.requests = Requests(session.agenda, session, methods)
        session.desk.poll = session.desk.files.poll = session.desk.looks.poll = self._poll
        self.parts: list[Part] = [
            session.acks, session.pump, session.pump.stdin, self.requests, session.runs,
            session.queries, session.focus, session.feed, session.activity, session.waits, session.checkpoints,
            session.notifications, session.desk, session.desk.files, self.ending,
        ]  # fmt: skip
        self.replace: Callable[[], None] | None = None  # executes another sesh at the end of this turn
        self._resting: dict[Part, float] = {}  # parts that have failed, and until when (monotonic) they rest
        if creator is not None:
            session.log.whole = True
            session.pump.stdin.feeder = self.admit(creator, awaits_creator=True)

    # -- the turn

    def turn(self, *, waits: bool = True) -> None:
        """Wait until something is ready or due; then do all of it once, in this order."""
        session = self.session
        ready = self._poll.wait(self._next_due() if waits else 0.0)
        if self._wakeup in ready:
            self._take_signals()
        if self._accepts_from or self.listener.socket.fileno() in ready:
            self._accept(ready)
        self._take_frames(ready)
        now = time.monotonic()
        if session.keyboard.due <= now:
            session.keyboard.release_keys(now)
        if session.clients.due <= now:
            self._choose_leader(now)
        self._move_bytes(ready, now)
        if session.agenda.next() <= now:
            self._act(now)
        if session.runs.line_typed:
            session.runs.line_typed = False
            session.activity.note_lines()  # before its echo is read: a question follows it
        if session.events.new:
            session.note_events()
        self._send(now)
        session.pump.allowed = session.sender.allowance(now)
        if self.outbox:
            self._flush()
        if not session.life.running:
            session.faults.guard(self.ending.respond, "the ending")
            self._flush()
        self._plan(now)
        self._watch()
        replace, self.replace = self.replace, None  # first: after an error the session goes on
        if replace is not None:
            replace()

    def _next_due(self) -> float:
        """Return the time (monotonic) until which a turn waits; NEVER if nothing is due."""
        session = self.session
        if self._backlogs or session.events.new:
            return 0.0
        next_part = self._next_rested() if self._resting else session.agenda.next()
        due = min(session.sender.due, session.clients.due, session.keyboard.due, next_part)
        if self._hello_by:
            due = min(due, next(iter(self._hello_by.values())))
        if self._accepts_from:
            due = min(due, self._accepts_from)
        return due

    def _next_rested(self) -> float:
        """Return when the next part is due, of those that have failed not before they have rested."""
        times = self.session.agenda.times.items()
        return min([max(due, self._resting.get(part, due)) for part, due in times], default=NEVER)

    def _act(self, now: float) -> None:
        """Have each part act that is due; after a fault it rests for a while."""
        for part in self.parts:
            if part.due > now or self._resting.get(part, 0.0) > now:
                continue
            self._resting.pop(part, None)
            try:
                part.act(now)
            except Exception as error:
                self.session.faults.note(f"a fault in {type(part).__name__}", error)
                self._resting[part] = now + FAULT_PAUSE

    def run(self) -> None:
        """Serve the session until nothing is left of it."""
        session = self.session
        self._begin()
        waits = False  # until the first turn nothing is watched
        while session.life.phase != Phase.ABANDONED:
            try:
                self.turn(waits=waits)
                waits = True
            except Exception as error:
                session.faults.note("a fault in a turn", error)
                time.sleep(FAULT_PAUSE)
            if session.life.over and not self.requests.unfinished:
                for connection in self.ending.finished():
                    self.drop(connection)
                if not self.connections:
                    return

    def _begin(self) -> None:
        processes.set_process_title(f"{PROGRAM}: {self.session.name}")
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._poll.watch(self._wakeup, READ)
        self.session.pump.allowed = self.session.sender.allowance(time.monotonic())
        self.ending.check_program()  # the program may have ended before SIGCHLD had a handler

    # -- signals

    def _take_signals(self) -> None:
        session = self.session
        numbers = os.read(self._wakeup, 4096)
        if signal.SIGTERM in numbers:
            self._terminate()
        if signal.SIGCHLD in numbers:
            session.faults.guard(self.ending.check_program, "the end of the program")
            session.notifications.reap()
        if signal.SIGUSR1 in numbers and session.life.named:
            session.faults.guard(self._restore_files, "the session's files")

    def _terminate(self) -> None:
        """Abandon a restorable session if it has ended or the machine stops; else end it."""
        session = self.session
        life = self.session.life
        if session.facts.persist and life.named and (not life.running or platforms.shutting_down()):
            session.faults.guard(lambda: description.write_record(session, durable=True), "the record")
            session.faults.guard(session.checkpoints.write_last, "the checkpoint")
            life.phase = Phase.ABANDONED
        elif not life.over:
            self.ending.end_session(TERMINATED)

    def _restore_files(self) -> None:
        """Recreate the socket, the record and their directory, if they were removed."""
        files.ready_directory()
        self._poll.forget(self.listener.socket.fileno())
        self.listener.restore()
        description.write_record(self.session)
        self.session.desk.restore_files()
        shims.put(os.environ)  # BROWSER of the session's programs is one of them

    # -- connections

    def _accept(self, ready: dict[int, int]) -> None:
        """Accept a connection; without descriptors, pause, or each turn would try again."""
        if self._accepts_from and self._accepts_from <= time.monotonic():
            self._accepts_from = 0.0
        descriptor = self.listener.socket.fileno()
        if descriptor < 0 or descriptor not in ready:
            return
        self._watch()  # a connection may get the number of a descriptor that was closed in this turn
        try:
            opened = self.listener.accept()
        except Refused as error:
            self.session.faults.note(f"a connection was closed: {error}")
            return
        except OSError as error:
            self.session.faults.note("no connection can be accepted", error)
            self._accepts_from = time.monotonic() + ACCEPT_RETRY
            return
        if opened is None:
            return
        if len(self.connections) >= MAX_CONNECTIONS:
            idle = [connection for connection in self.connections.values() if connection.idle]
            if not idle:
                opened.close()
                return
            self.drop(min(idle, key=lambda connection: connection.role != Role.UNKNOWN))  # first those without HELLO
        self.admit(opened)

    def admit(self, opened: socket.socket, *, awaits_creator: bool = False) -> PeerConnection:
        """Serve a connection; drop it if its HELLO does not come within `HELLO_TIMEOUT`."""
        connection = PeerConnection(opened, self.outbox, awaits_creator=awaits_creator)
        self.connections[connection.descriptor] = connection
        self._hello_by[connection] = time.monotonic() + HELLO_TIMEOUT
        self.outbox[connection] = None
        return connection

    def _take_frames(self, ready: dict[int, int]) -> None:
        """Handle the frames that have come, which changes state, and sends nothing."""
        if self._hello_by:
            self._discard_silent()
        backlogs = list(self._backlogs) if self._backlogs else ()
        for descriptor, events in ready.items():
            peer = self.connections.get(descriptor)
            if peer is not None:
                if events & WRITE:
                    self.outbox[peer] = None
                if events & READ and not peer.closing:  # one with a backlog is not read
                    self._receive(peer)
        for connection in backlogs:
            del self._backlogs[connection]
            self.outbox[connection] = None
            self._handle_frames(connection)

    def _discard_silent(self) -> None:
        """Discard the connections whose HELLO has not come in time."""
        now = time.monotonic()
        for connection in [each for each, by in self._hello_by.items() if by <= now]:
            self._stop_awaiting(connection)
            if connection.role == Role.UNKNOWN:
                connection.discard()

    def _stop_awaiting(self, connection: PeerConnection) -> None:
        """Stop waiting for a connection's HELLO, and keeping the whole log for the creator."""
        self._hello_by.pop(connection, None)
        self.session.attached.release_creator(connection)

    def _receive(self, connection: PeerConnection) -> None:
        try:
            if not connection.receive():
                connection.discard()
                return
        except ProtocolError as error:
            self.session.faults.note("a connection was closed", error)
            connection.discard()
            return
        self._handle_frames(connection)

    def _handle_frames(self, connection: PeerConnection) -> None:
        """Handle frames for `FRAMES_TIME`; the rest waits for the next turn."""
        backlog = connection.backlog
        until = time.monotonic() + FRAMES_TIME
        try:
            while backlog and not connection.closing:  # `discard` has emptied it
                self._handle_frame(connection, *backlog.popleft())
                if backlog and time.monotonic() >= until:
                    self._backlogs[connection] = self.outbox[connection] = None
                    return
            if connection.data or connection.decoder.held:
                self._bound_unfinished(connection)
        except Exception as error:
            self.session.faults.note("a connection was closed", error)
            connection.discard()
        backlog.clear()

    def _bound_unfinished(self, connection: PeerConnection) -> None:
        """Raise ProtocolError if a connection has too much of what all connections have not finished."""
        others = self.connections.values()
        if connection.unfinished > SMALL_UNFINISHED and sum(each.unfinished for each in others) > MAX_UNFINISHED:
            raise ProtocolError("too many requests are unfinished")

    def _handle_frame(self, connection: PeerConnection, kind: int, payload: bytes) -> None:
        session = self.session
        client = connection.reader
        if kind == protocol.INPUT and isinstance(client, Client):
            session.keyboard.take_input(client, payload)
        elif kind == protocol.HELLO:
            if not connection.awaits_creator:  # the creator's time also bounds the time to its first request
                self._hello_by.pop(connection, None)
            session.attached.handle_hello(connection, codec.parse(payload))
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
            self._stop_awaiting(connection)
            self.requests.handle(connection, codec.parse(payload))
        elif isinstance(client, Client):
            self._handle_client_frame(client, kind, payload)
        elif kind == protocol.PIECE:
            session.desk.receive(connection, payload)

    def _handle_client_frame(self, client: Client, kind: int, payload: bytes) -> None:
        """Handle a frame of an attached client other than INPUT and requests."""
        session = self.session
        if kind in DESK_FRAMES:
            session.desk.handle_frame(client, kind, payload)
        elif kind == protocol.MODEL:
            session.acks.send_model(client)
        else:
            session.attached.handle_frame(client, kind, payload)

    def drop(self, connection: PeerConnection) -> None:
        """Close a connection now, and forget what waits for it."""
        session = self.session
        stdin = session.pump.stdin
        client = client_of(connection)
        if self.connections.get(connection.descriptor) is connection:
            del self.connections[connection.descriptor]
            self._poll.forget(connection.descriptor)
        self._backlogs.pop(connection, None)
        self._stop_awaiting(connection)
        session.events.forget(connection)
        session.waits.forget(connection)
        if connection.open_requests:
            session.desk.drop_caller(connection)
        if stdin.feeder is connection and stdin.open:
            stdin.due = time.monotonic() + stdin.linger
        if client is not None:
            session.attached.forget(client, returns=True)
        if session.sender.followers.pop(connection, None) is not None:
            session.sender.due = 0.0  # the program may have waited for it
        connection.drop()

    # -- the steps of a turn

    def _choose_leader(self, now: float) -> None:
        """Choose the client that gives the session its size; the program gets a new one before its next keys."""
        session = self.session
        size = session.clients.choose_leader(now)
        session.faults.guard(session.desk.follow_clients, "the desk")
        if size is None:
            return
        session.pump.resize(size)
        if size[:2] != (session.feed.columns, session.feed.rows):
            for client in session.clients.all:
                client.ask_screen(now)
        session.feed.resize(size)
        session.events.add("resized", columns=size[0], rows=size[1])
        session.queries.report_size()

    def _move_bytes(self, ready: dict[int, int], now: float) -> None:
        """Move bytes between the pty, a job's stdin and the log."""
        session = self.session
        pump = session.pump
        if session.keyboard.to_type:
            session.keyboard.type_keys(now)
        if pump.stdin.descriptor in ready:
            pump.stdin.write()
        if events := ready.get(pump.pty.descriptor):
            if events & WRITE:
                pump.write_input()
            if events & READ:
                session.read_output()
        if session.acks.held:
            session.acks.go_on()
        if session.desk.busy:
            session.faults.guard(session.desk.move, "what the desk moves", ready)

    def _send(self, now: float) -> None:
        """Send each client and follower what is due to it."""
        session = self.session
        if session.acks.predicting:
            session.acks.report_flags()  # they apply to the output that comes next
        session.sender.send(now)
        if session.desk.busy:  # after the output, which does not wait for it
            session.faults.guard(session.desk.send, "the desk", now)
        if session.queries.new or session.queries.asked:
            session.queries.route(now)
        if session.attached.farewells:
            session.attached.say_farewell()
        if session.events.followers:
            session.events.send()

    def _plan(self, now: float) -> None:
        """Have planned what is to be done later because of this turn."""
        session = self.session
        if session.pump.moved_at > session.activity.seen_at:
            session.activity.wake()
        if session.log.head > session.planned_to:
            session.plan()
        if session.waits.all:
            session.waits.plan(now)

    def _flush(self) -> None:
        """Send what was queued; drop the connections that are done, and watch the others for what they need."""
        touched = list(self.outbox)
        self.outbox.clear()
        for connection in touched:
            connection.flush()
            if connection.closing and not connection.unsent:
                self.drop(connection)
        for connection in touched:
            self._watch_connection(connection)

    def _watch_connection(self, connection: PeerConnection) -> None:
        """Watch a connection's socket, unless it was dropped."""
        if self.connections.get(connection.descriptor) is not connection:
            return
        interest = WRITE if connection.blocked else 0
        must_wait = self._is_full and client_of(connection) is not None
        if not (connection.closing or connection.backlog or must_wait):
            interest |= READ
        self._poll.watch(connection.descriptor, interest)

    def _watch(self) -> None:
        """Watch the listening socket, the pty and a job's stdin, as far as they are open; and clients, for input."""
        pump = self.session.pump
        stdin = pump.stdin
        if pump.unwritten or self._is_full:
            self._bound_input()
        watched = (
            self.listener.socket.fileno(), pump.pty.descriptor, stdin.descriptor,
            READ if self.session.life.named and not self._accepts_from else 0,
            (WRITE if pump.unwritten else 0) | (READ if pump.wants_read else 0),
            WRITE if stdin.wants_write else 0,
        )  # fmt: skip
        if watched == self._watched:
            return
        for before, descriptor, interest in zip(self._watched, watched[:3], watched[3:]):
            if before not in (descriptor, -1):
                self._poll.forget(before)  # it was closed
            if descriptor >= 0:
                self._poll.watch(descriptor, interest)
        self._watched = watched

    def _bound_input(self) -> None:
        """Read no clients while much input waits for the program."""
        is_full = len(self.session.pump.unwritten) > MAX_INPUT
        if is_full != self._is_full:
            self._is_full = is_full
            for client in self.session.clients.all:
                self._watch_connection(client.connection)
