"""The loop of a session's daemon: one selector over the pty, the listening socket, the peers and the signals."""

from __future__ import annotations

import os
import time

from sesh import __version__, platform, protocol
from sesh.daemon.clients.attach import Reception
from sesh.daemon.clients.connection import Peer
from sesh.daemon.ending import Ending
from sesh.daemon.loop.poller import READ, WRITE, poller
from sesh.daemon.pty.input import WINDOW
from sesh.daemon.pty.pump import Program
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
"""Seconds in which a peer has to say HELLO."""
MOST_PEERS = 400
"""Connections at once; for more the oldest idle ones are closed, or else they wait in the socket's backlog."""
MOST_DATA = 4 << 20
"""Bytes of DATA before one REQUEST."""
MOST_UNSENT = 32 << 20
"""Bytes of answers that a peer may leave unread and still ask for more."""
SIGHT, PATIENT = 0.02, 5.0
"""Seconds that a look at a session goes on waiting for the emulator: while the program prints on, and at the most."""
TURN = 0.01
"""Seconds that one peer's frames are dealt with before it is the others' turn."""
CROWDED = 0.2
"""Seconds for which nobody is taken in after the process ran out of descriptors."""


class Server:
    """Serves one session until it has ended and everybody knows."""

    def __init__(self, session: Session, listener: Listener, first: socket.socket | None, agent: str) -> None:
        self.session, self.listener, self.agent = session, listener, agent
        self.program = Program(session)
        self.peers: dict[int, Peer] = {}
        self.killers: list[tuple[Peer, int]] = []
        self.later: list[tuple[int, float, Callable[[], None]]] = []
        """Answers that wait for the emulator: from which position on, since when, and what gives them."""
        self.reception = Reception(session, self.program, agent)
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
        """Runs until nothing is left to do."""
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
                session.journal.note("a fault in an event", error)
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
        stream = session.stream
        for peer in list(self.peers.values()):
            if peer.wants(stream):
                self.guarded(self._tend, "a peer", peer)
        session.relay.trim()
        if stream.head + session.model.position > session.ripe:
            session.rest().arm()

    def _patience(self) -> float | None:
        """Seconds for which the turn may wait for something to happen, None for ever."""
        if self._owing or self.later or self._behind or self.ending.ripe():
            return 0.0
        until = self.session.timers.wait()
        model = self.session.model
        return min(model.patience(), 1.0 if until is None else until) if model.eager else until

    def _tend(self, peer: Peer) -> None:
        """Sends a peer what it is owed, and closes its connection where all has been said."""
        if peer.backlog:
            self._serve(peer, 0)
        if not peer.blocked:
            peer.feed(self.session.stream)
        if peer.closed or (peer.closing and not peer.unsent):
            self.drop(peer)

    def guarded(self, call: Callable[..., Any], what: str, *words: Any) -> Any:
        """Runs one step; a fault in it is noted and costs that step, never the session."""
        try:
            return call(*words)
        except Exception as error:
            self.session.journal.note(f"a fault in {what}", error)
            return None

    def _watch(self) -> None:
        """Tells the selector what is waited for now."""
        session = self.session
        wanted: dict[int, int] = {self._wakeup: READ}
        if self.serving and not self._crowded():
            wanted[self.listener.socket.fileno()] = READ
        if session.pty is not None and session.pty.descriptor >= 0 and self.program.open:
            events = (0 if session.relay.paused() else READ) | (WRITE if session.input else 0)
            if events:
                wanted[session.pty.descriptor] = events
        if session.feed is not None and session.feed.pending:
            wanted[session.feed.descriptor] = WRITE
        for descriptor, peer in self.peers.items():
            wanted[descriptor] = (READ if self._hears(peer) else 0) | (WRITE if peer.blocked else 0)
        self._poller.want({descriptor: events for descriptor, events in wanted.items() if events})

    def restore(self) -> None:
        """Makes the socket again where something removed it."""
        before = self.listener.socket.fileno()
        if self.listener.restore():
            self._poller.forget(before)

    def _hears(self, peer: Peer) -> bool:
        """Whether a peer is read from: not where it sends more INPUT than it may while the program takes none."""
        client = peer.attachment
        return (
            peer.listening
            and not peer.backlog
            and (client is None or self.session.input.waiting(client.number) <= 2 * WINDOW)
        )

    def _crowded(self) -> bool:
        """Whether nobody else can be taken in; a peer that stands idle makes room for a new one."""
        return self.session.timers.stands("crowded") or (len(self.peers) >= MOST_PEERS and self._idlest() is None)

    def _idlest(self) -> Peer | None:
        """The oldest peer that has not said who it is, else the oldest that waits for nothing."""
        silent = next((peer for peer in self.peers.values() if not (peer.role or peer.first)), None)
        return silent or next((peer for peer in self.peers.values() if peer.idle), None)

    def _ready(self, descriptor: int, events: int) -> bool:
        """Deals with what a descriptor is ready for; whether that was bytes passed on, and left nothing to be done."""
        session = self.session
        peer = self.peers.get(descriptor)
        if peer is not None:
            return self._serve(peer, events) and events == READ and not self._behind
        if session.pty is not None and descriptor == session.pty.descriptor:
            if events & WRITE:
                self.program.write()
            if events & READ:
                self.program.take()
                return events == READ and self.program.even
        elif session.feed is not None and descriptor == session.feed.descriptor:
            if session.feed.write():
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
        idle = self._idlest() if len(self.peers) >= MOST_PEERS else None
        if idle is not None:
            self.drop(idle)
        self._welcome(opened)

    def _welcome(self, opened: socket.socket, *, first: bool = False) -> None:
        """Takes a connection in; it has a while to say who it is."""
        self.admit(Peer(opened, first=first))

    def admit(self, peer: Peer) -> None:
        """Serves a peer from now on; one that has said who it is may be owed something already."""
        self.peers[peer.descriptor] = peer
        self._behind = self._behind or bool(peer.role)
        if peer.role and not peer.first:
            return
        self.session.timers.set(("hello", peer.descriptor), GREETING, lambda: self._silent(peer))

    def _silent(self, peer: Peer) -> None:
        peer.first = False
        if not peer.role:
            self.drop(peer)

    def _serve(self, peer: Peer, events: int) -> bool:
        """Deals with what a peer sent and with the room that it made. Whatever it sends costs nobody but itself.

        Whether it was keys alone that left nothing to be done.
        """
        try:
            if events & WRITE:
                if peer.attachment is not None:
                    self.session.relay.writable(peer.attachment)
                else:
                    peer.feed(self.session.stream)
            if events & READ and not peer.closed and not peer.receive():
                self.drop(peer)
                return False
            return self._hear(peer)
        except SeshError as error:
            self.session.journal.note("a peer's connection was closed", error)
            self.drop(peer)
            return False
        except Exception:
            self.drop(peer)
            raise

    def _hear(self, peer: Peer) -> bool:
        """Deals with the frames that a peer has sent, for so long that others get their turn."""
        backlog = peer.backlog
        if len(backlog) == 1 and backlog[0][0] == protocol.INPUT and peer.attachment is not None and peer.listening:
            return self.program.receive(peer.attachment, backlog.popleft()[1])
        until = time.monotonic() + TURN
        while backlog and peer.listening and time.monotonic() < until:
            self._frame(peer, *backlog.popleft())
        if not peer.listening:
            backlog.clear()
        self._behind = self._behind or bool(backlog)
        return False

    def _frame(self, peer: Peer, kind: int, payload: bytes) -> None:
        if kind == protocol.HELLO:
            self.reception.greet(peer, protocol.parse(payload))
        elif not peer.role:
            raise ProtocolError("a peer did not begin with HELLO")
        elif peer.unsent > MOST_UNSENT and kind in (protocol.PING, protocol.REQUEST):
            raise ProtocolError("a peer asks and asks, and reads no answer")
        elif kind == protocol.PING:
            peer.queue(protocol.frame(protocol.PONG, payload))
        elif kind == protocol.DATA:
            peer.data += payload
            if len(peer.data) > MOST_DATA:
                raise ProtocolError("a peer sent more DATA than a request may carry")
        elif kind == protocol.REQUEST:
            self._requested(peer, protocol.parse(payload))
        elif peer.attachment is not None:
            self.reception.frame(peer.attachment, kind, payload)

    def _requested(self, peer: Peer, words: dict[str, Any]) -> None:
        """Carries a verb out; its error is its answer."""
        self.reception.settled(peer)
        data, peer.data = bytes(peer.data), bytearray()
        asked = words.get("id")
        asked = asked if isinstance(asked, int) else 0
        verb = VERBS.get(str(words.get("verb")))
        peer.owed += 1
        if verb is None:
            peer.refuse(asked, UsageError(f"this session's daemon is sesh {__version__} and does not know that verb"))
        elif words["verb"] in SEEING and not self.guarded(self.session.model.catch_up, "the emulator"):
            position, now = self.session.stream.head, time.monotonic()
            self.later.append((position, now, lambda: self._carry_out(verb, peer, asked, words, data)))
        else:
            self._carry_out(verb, peer, asked, words, data)

    def _seen(self, position: int, asked: float) -> bool:
        """Whether the emulator has come to `position`; while the program prints on, nobody waits long for it."""
        if self.session.model.position >= position:
            return True
        waited = time.monotonic() - asked
        return waited > PATIENT or (waited > SIGHT and self.session.stream.head > position)

    def _carry_out(self, verb: Verb, peer: Peer, asked: int, words: dict[str, Any], data: bytes) -> None:
        try:
            verb(self, peer, asked, words, data)
        except SeshError as error:
            peer.refuse(asked, error)
        except Exception as error:
            self.session.journal.note(f"a fault in the verb {words.get('verb')}", error)
            peer.refuse(
                asked, InternalError("the session's daemon failed at this", hint="`$sesh --status` shows the fault")
            )

    def type(self, writer: Hashable, data: bytes, done: Callable[[bool], None] | None) -> None:
        """Types bytes into the program."""
        self.program.type(writer, data, done)

    def end(self) -> None:
        """Ends the session and everything in it."""
        self.ending.begin()

    def time_out(self) -> None:
        """Ends a job whose time is over."""
        self.session.timed_out = True
        self.ending.begin(keep=True)

    def drop(self, peer: Peer) -> None:
        """Closes a connection and forgets what hung on it. The session goes on."""
        if self.peers.get(peer.descriptor) is peer:
            del self.peers[peer.descriptor]
        self.session.timers.clear(("hello", peer.descriptor))
        self._poller.forget(peer.descriptor)
        self.session.events.forget(peer)
        feed = self.session.feed
        if feed is not None and (feed.feeder is peer or (feed.feeder is None and not self.peers)):
            self.session.timers.set("feed", feed.patience, self.close_feed)
        if peer.attachment is not None:
            self.reception.forget(peer.attachment)
        if peer.reader is not None and peer.reader in self.session.relay.followers:
            self.session.relay.followers.remove(peer.reader)
        peer.drop()

    def close_feed(self) -> None:
        """Ends the standard input of a job that is fed."""
        if self.session.feed is not None:
            self._poller.forget(self.session.feed.descriptor)
            self.session.feed.close()

    def forget_pty(self) -> None:
        """Stops looking at the pty, which is about to be closed."""
        pty = self.session.pty
        if pty is not None:
            self._poller.forget(pty.descriptor)
        self.program.open = False
        self.close_feed()

    def release(self) -> None:
        """Gives the session's name back."""
        self._poller.forget(self.listener.socket.fileno())
        self.listener.release()
        self.session.forget()
        if os.path.islink(self.agent):
            os.unlink(self.agent)
