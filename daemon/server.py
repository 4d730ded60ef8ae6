"""The loop of a session's daemon: one selector over the pty, the listening socket, the connections and the signals."""

from __future__ import annotations

import os
import time

from sesh import __version__, platform, protocol
from sesh.daemon.clients.attach import ClientHandler
from sesh.daemon.clients.connection import Connection
from sesh.daemon.ending import Ending
from sesh.daemon.loop.poller import READ, WRITE, poller
from sesh.daemon.pty.input import WINDOW
from sesh.daemon.pty.pump import Pump
from sesh.daemon.requests import SEEING, VERBS
from sesh.errors import InternalError, ProtocolError, SeshError, UsageError
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from sesh.daemon.clients.listener import Listener
    from sesh.daemon.requests import Verb
    from sesh.daemon.session import Session
    from sesh.lean import socket

GREETING = 10.0
"""Seconds in which a connection has to say HELLO."""
MOST_PEERS = 400
"""Connections at once; for more the oldest idle ones are closed, or else they wait in the socket's backlog."""
MOST_DATA = 4 << 20
"""Bytes of DATA before one REQUEST."""
MOST_UNSENT = 32 << 20
"""Bytes of answers that a connection may leave unread and still ask for more."""
SIGHT, PATIENT = 0.02, 5.0
"""Seconds that a look at a session goes on waiting for the emulator: while the program prints on, and at the most."""
TURN = 0.01
"""Seconds that one connection's frames are dealt with before it is the others' turn."""
CROWDED = 0.2
"""Seconds for which nobody is taken in after the process ran out of descriptors."""


class Server:
    """Serves one session until it has ended and everybody knows."""

    def __init__(self, session: Session, listener: Listener, first: socket.socket | None, agent: str) -> None:
        self.session, self.listener, self.agent = session, listener, agent
        self.pump = Pump(session)
        self.connections: dict[int, Connection] = {}
        self.killers: list[tuple[Connection, int]] = []
        self.later: list[tuple[int, float, Callable[[], None]]] = []
        """Answers that wait for the emulator: from which position on, since when, and what gives them."""
        self.handler = ClientHandler(session, self.pump, agent)
        self.ending = Ending(self)
        self._poller = poller()
        self._leaving = False
        """Whether the machine goes down, and the session is to be found lost."""
        self._behind = False
        """Whether frames that have come wait for the next turn."""
        self._owing = False
        """Whether somebody waits for the emulator."""
        self._passing = False
        """Whether the last turn passed bytes on and nothing else: what is waited for has not changed."""
        self._wakeup, self._waker = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._waker, False)
        if first is not None:
            self._welcome(first, first=True)

    def run(self) -> None:
        """RunQueue until nothing is left to do."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        deadline = self.session.facts.get("deadline")
        if deadline is not None and self.session.running:
            self.session.timers.set("timeout", max(0.0, deadline - time.time()), self.time_out)
        self.ending.child()  # it may have ended before there was a handler
        while not (self._leaving or self.ending.over()):
            self._turn()

    @property
    def serving(self) -> bool:
        """Whether the session still has its name: it runs, or is kept."""
        return not self.ending.done or bool(self.session.facts["keep"])

    def _turn(self) -> None:
        """Waits for something to happen and deals with it; the emulator gets the moments in between."""
        session = self.session
        passing = self._passing
        if not passing:
            self._owing = self.guarded(session.relay.serve, "a screen") is True
            self._watch()
        until = session.timers.wait() if passing and not session.model.eager else self._patience()
        self._behind = self._passing = False
        ready = self._poller.ready(until)
        for descriptor, events in ready:
            try:
                passing = self._ready(descriptor, events)
            except Exception as error:
                passing = False
                session.faults.note("a fault in an event", error)
        if ready and passing and len(ready) == 1 and until != 0.0:
            self._passing = True
            return
        if not ready and (self._owing or session.model.eager):
            self.guarded(session.model.step, "the emulator")
        self.guarded(session.timers.run, "a timer")
        while self.later and self._seen(*self.later[0][:2]):
            self.guarded(self.later.pop(0)[2], "a late answer")
        if self.ending.done:
            self.guarded(self.ending.tell, "the ending")
        session.events.feed()
        log = session.log
        for connection in list(self.connections.values()):
            if connection.wants(log):
                self.guarded(self._tend, "a connection", connection)
        session.relay.trim()
        if log.head + session.model.position > session.ripe:
            session.rest().arm()

    def _patience(self) -> float | None:
        """Seconds for which the turn may wait for something to happen, None for ever."""
        if self._owing or self.later or self._behind or self.ending.ripe():
            return 0.0
        until = self.session.timers.wait()
        model = self.session.model
        return min(model.patience(), 1.0 if until is None else until) if model.eager else until

    def _tend(self, connection: Connection) -> None:
        """Sends a connection what it is owed, and closes its connection where all has been said."""
        if connection.backlog:
            self._serve(connection, 0)
        if not connection.blocked:
            connection.feed(self.session.log)
        if connection.closed or (connection.closing and not connection.unsent):
            self.drop(connection)

    def guarded(self, call: Callable[..., Any], what: str, *words: Any) -> Any:
        """RunQueue one step; a fault in it is noted and costs that step, never the session."""
        try:
            return call(*words)
        except Exception as error:
            self.session.faults.note(f"a fault in {what}", error)
            return None

    def _watch(self) -> None:
        """Tells the selector what is waited for now."""
        session = self.session
        wanted: dict[int, int] = {self._wakeup: READ}
        if self.serving and not self._crowded():
            wanted[self.listener.socket.fileno()] = READ
        if session.pty is not None and session.pty.descriptor >= 0 and self.pump.open:
            events = (0 if session.relay.paused() else READ) | (WRITE if session.input else 0)
            if events:
                wanted[session.pty.descriptor] = events
        if session.stdin is not None and session.stdin.pending:
            wanted[session.stdin.descriptor] = WRITE
        for descriptor, connection in self.connections.items():
            wanted[descriptor] = (READ if self._hears(connection) else 0) | (WRITE if connection.blocked else 0)
        self._poller.want({descriptor: events for descriptor, events in wanted.items() if events})

    def restore(self) -> None:
        """Makes the socket again where something removed it."""
        before = self.listener.socket.fileno()
        if self.listener.restore():
            self._poller.forget(before)

    def _hears(self, connection: Connection) -> bool:
        """Whether a connection is read from: not where it sends more INPUT than it may while the program takes none."""
        client = connection.client
        return (
            connection.listening
            and not connection.backlog
            and (client is None or self.session.input.waiting(client.number) <= 2 * WINDOW)
        )

    def _crowded(self) -> bool:
        """Whether nobody else can be taken in; a connection that stands idle makes room for a new one."""
        return self.session.timers.stands("crowded") or (len(self.connections) >= MOST_PEERS and self._idlest() is None)

    def _idlest(self) -> Connection | None:
        """The oldest connection that has not said who it is, else the oldest that waits for nothing."""
        silent = next(
            (connection for connection in self.connections.values() if not (connection.role or connection.first)), None
        )
        return silent or next((connection for connection in self.connections.values() if connection.idle), None)

    def _ready(self, descriptor: int, events: int) -> bool:
        """Deals with what a descriptor is ready for; whether that was bytes passed on, and left nothing to be done."""
        session = self.session
        connection = self.connections.get(descriptor)
        if connection is not None:
            return self._serve(connection, events) and events == READ and not self._behind
        if session.pty is not None and descriptor == session.pty.descriptor:
            if events & WRITE:
                self.pump.write()
            if events & READ:
                self.pump.take()
                return events == READ and self.pump.even
        elif session.stdin is not None and descriptor == session.stdin.descriptor:
            if session.stdin.write():
                self.close_feed()
        elif descriptor == self._wakeup:
            self._signalled(os.read(self._wakeup, 4096))
        elif descriptor == self.listener.socket.fileno():
            self._accept()
        return False

    def _signalled(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self._terminated()
        if signal.SIGCHLD in numbers:
            self.ending.child()
            if self.session.hooks is not None:
                self.session.hooks.reap()
        if signal.SIGUSR1 in numbers and self.serving:
            self.restore()
            self.session.write_record()

    def _terminated(self) -> None:
        """Ends the session; where the machine goes down, leaves it lost, to be read and started again after that."""
        if self.session.persists and self.session.running and platform.shutting_down():
            self.guarded(self.session.checkpoint().write, "the checkpoint")
            self._leaving = True
        else:
            self.end()

    def _accept(self) -> None:
        """Takes in who knocks. Out of descriptors, the listener is not looked at for a moment: it would stay ready."""
        try:
            opened = self.listener.accept()
        except OSError:
            self.session.timers.set("crowded", CROWDED, lambda: None)
            raise
        if opened is None:
            return
        idle = self._idlest() if len(self.connections) >= MOST_PEERS else None
        if idle is not None:
            self.drop(idle)
        self._welcome(opened)

    def _welcome(self, opened: socket.socket, *, first: bool = False) -> None:
        """Takes a connection in; it has a while to say who it is."""
        self.admit(Connection(opened, first=first))

    def admit(self, connection: Connection) -> None:
        """Serves a connection from now on; one that has said who it is may be owed something already."""
        self.connections[connection.descriptor] = connection
        self._behind = self._behind or bool(connection.role)
        if connection.role and not connection.first:
            return
        self.session.timers.set(("hello", connection.descriptor), GREETING, lambda: self._silent(connection))

    def _silent(self, connection: Connection) -> None:
        connection.first = False
        if not connection.role:
            self.drop(connection)

    def _serve(self, connection: Connection, events: int) -> bool:
        """Deals with what a connection sent and with the room that it made. Whatever it sends costs nobody but itself.

        Whether it was keys alone that left nothing to be done.
        """
        try:
            if events & WRITE:
                if connection.client is not None:
                    self.session.relay.writable(connection.client)
                else:
                    connection.feed(self.session.log)
            if events & READ and not connection.closed and not connection.receive():
                self.drop(connection)
                return False
            return self._hear(connection)
        except SeshError as error:
            self.session.faults.note("a connection's connection was closed", error)
            self.drop(connection)
            return False
        except Exception:
            self.drop(connection)
            raise

    def _hear(self, connection: Connection) -> bool:
        """Deals with the frames that a connection has sent, for so long that others get their turn."""
        backlog = connection.backlog
        if (
            len(backlog) == 1
            and backlog[0][0] == protocol.INPUT
            and connection.client is not None
            and connection.listening
        ):
            return self.pump.receive(connection.client, backlog.popleft()[1])
        until = time.monotonic() + TURN
        while backlog and connection.listening and time.monotonic() < until:
            self._frame(connection, *backlog.popleft())
        if not connection.listening:
            backlog.clear()
        self._behind = self._behind or bool(backlog)
        return False

    def _frame(self, connection: Connection, kind: int, payload: bytes) -> None:
        if kind == protocol.HELLO:
            self.handler.greet(connection, protocol.parse(payload))
        elif not connection.role:
            raise ProtocolError("a connection did not begin with HELLO")
        elif connection.unsent > MOST_UNSENT and kind in (protocol.PING, protocol.REQUEST):
            raise ProtocolError("a connection asks and asks, and reads no answer")
        elif kind == protocol.PING:
            connection.queue(protocol.frame(protocol.PONG, payload))
        elif kind == protocol.DATA:
            connection.data += payload
            if len(connection.data) > MOST_DATA:
                raise ProtocolError("a connection sent more DATA than a request may carry")
        elif kind == protocol.REQUEST:
            self._requested(connection, protocol.parse(payload))
        elif connection.client is not None:
            self.handler.frame(connection.client, kind, payload)

    def _requested(self, connection: Connection, words: dict[str, Any]) -> None:
        """Carries a verb out; its error is its answer."""
        self.handler.settled(connection)
        data, connection.data = bytes(connection.data), bytearray()
        asked = words.get("id")
        asked = asked if isinstance(asked, int) else 0
        verb = VERBS.get(str(words.get("verb")))
        connection.owed += 1
        if verb is None:
            connection.refuse(
                asked, UsageError(f"this session's daemon is sesh {__version__} and does not know that verb")
            )
        elif words["verb"] in SEEING and not self.guarded(self.session.model.catch_up, "the emulator"):
            position, now = self.session.log.head, time.monotonic()
            self.later.append((position, now, lambda: self._carry_out(verb, connection, asked, words, data)))
        else:
            self._carry_out(verb, connection, asked, words, data)

    def _seen(self, position: int, asked: float) -> bool:
        """Whether the emulator has come to `position`; while the program prints on, nobody waits long for it."""
        if self.session.model.position >= position:
            return True
        waited = time.monotonic() - asked
        return waited > PATIENT or (waited > SIGHT and self.session.log.head > position)

    def _carry_out(self, verb: Verb, connection: Connection, asked: int, words: dict[str, Any], data: bytes) -> None:
        try:
            verb(self, connection, asked, words, data)
        except SeshError as error:
            connection.refuse(asked, error)
        except Exception as error:
            self.session.faults.note(f"a fault in the verb {words.get('verb')}", error)
            connection.refuse(
                asked, InternalError("the session's daemon failed at this", hint="`$sesh --status` shows the fault")
            )

    def type(self, writer: Hashable, data: bytes, done: Callable[[bool], None] | None) -> None:
        """Types bytes into the program."""
        self.pump.type(writer, data, done)

    def end(self) -> None:
        """Ends the session and everything in it."""
        self.ending.begin()

    def time_out(self) -> None:
        """Ends a job whose time is over."""
        self.session.timed_out = True
        self.ending.begin(keep=True)

    def drop(self, connection: Connection) -> None:
        """Closes a connection and forgets what hung on it. The session goes on."""
        if self.connections.get(connection.descriptor) is connection:
            del self.connections[connection.descriptor]
        self.session.timers.clear(("hello", connection.descriptor))
        self._poller.forget(connection.descriptor)
        self.session.events.forget(connection)
        feed = self.session.stdin
        if feed is not None and (feed.feeder is connection or (feed.feeder is None and not self.connections)):
            self.session.timers.set("feed", feed.patience, self.close_feed)
        if connection.client is not None:
            self.handler.forget(connection.client)
        if connection.reader is not None and connection.reader in self.session.relay.followers:
            self.session.relay.followers.remove(connection.reader)
        connection.drop()

    def close_feed(self) -> None:
        """Ends the standard input of a job that is fed."""
        if self.session.stdin is not None:
            self._poller.forget(self.session.stdin.descriptor)
            self.session.stdin.close()

    def forget_pty(self) -> None:
        """Stops looking at the pty, which is about to be closed."""
        pty = self.session.pty
        if pty is not None:
            self._poller.forget(pty.descriptor)
        self.pump.open = False
        self.close_feed()

    def release(self) -> None:
        """Gives the session's name back."""
        self._poller.forget(self.listener.socket.fileno())
        self.listener.release()
        self.session.forget()
        if os.path.islink(self.agent):
            os.unlink(self.agent)
