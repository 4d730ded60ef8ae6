"""The loop of a session's daemon: one selector over the pty, the listening socket, the peers and the signals."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import OrderedDict

from sesh import __version__, protocol
from sesh.daemon.attachment import HELD, RAW, REPAINT, RESYNC, Attachment, clamp_size
from sesh.daemon.ending import Ending
from sesh.daemon.peer import Peer
from sesh.daemon.program import Program
from sesh.daemon.relay import REPLAY_LINES
from sesh.daemon.verbs import VERBS
from sesh.errors import ProtocolError, SeshError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Hashable
    from typing import Any

    from sesh.daemon.listener import Listener
    from sesh.daemon.session import Session

GREETING = 10.0
"""Seconds in which a peer has to say HELLO."""
MOST_PEERS = 400
"""Connections at once; more wait in the socket's backlog until some of these have ended."""
MOST_DATA = 4 << 20
"""Bytes of DATA before one REQUEST."""
DEPARTED = 64
"""Clients that are remembered after they have gone, so that they find their place again."""


class Server:
    """Serves one session until it has ended and everybody knows."""

    def __init__(self, session: Session, listener: Listener, first: socket | None, agent: str) -> None:
        self.session, self.listener, self.agent = session, listener, agent
        self.program = Program(session)
        self.peers: dict[int, Peer] = {}
        self.killers: list[tuple[Peer, int]] = []
        self.departed: OrderedDict[str, tuple[int, int, bool]] = OrderedDict()
        self.ending = Ending(self)
        self._selector = selectors.DefaultSelector()
        self._interest: dict[int, int] = {}
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
        self.ending.child()  # it may have ended before there was a handler
        while not self.ending.over():
            self._turn()

    def _turn(self) -> None:
        """Waits for something to happen and deals with it; the emulator gets the moments in between."""
        session = self.session
        owing = self._guarded(session.relay.serve, "a screen") is True
        self._watch()
        working = owing or session.model.eager
        for key, events in self._selector.select(0 if working else session.timers.wait()):
            self._guarded(lambda key=key, events=events: self._ready(key.fd, events), "an event")  # type: ignore[misc]
            working = False
        if working:
            self._guarded(session.model.step, "the emulator")
        self._guarded(session.timers.run, "a timer")
        if self.ending.done:
            self._guarded(self.ending.tell, "the ending")
        for peer in list(self.peers.values()):
            if not peer.blocked:
                peer.feed(session.stream)
            if peer.closed or (peer.closing and not peer.unsent):
                self.drop(peer)
        session.relay.trim()

    def _guarded(self, call: Callable[[], Any], what: str) -> Any:
        """Runs one step; a fault in it is noted and costs that step, never the session."""
        try:
            return call()
        except Exception as error:
            self.session.journal.note(f"a fault in {what}", error)
            return None

    def _watch(self) -> None:
        """Tells the selector what is waited for now."""
        session = self.session
        wanted: dict[int, int] = {self._wakeup: selectors.EVENT_READ}
        if len(self.peers) < MOST_PEERS and (not self.ending.done or session.facts["keep"]):
            wanted[self.listener.socket.fileno()] = selectors.EVENT_READ
        if session.pty is not None and session.pty.descriptor >= 0 and self.program.open:
            events = (0 if session.relay.paused() else selectors.EVENT_READ) | (
                selectors.EVENT_WRITE if session.input else 0
            )
            if events:
                wanted[session.pty.descriptor] = events
        for descriptor, peer in self.peers.items():
            wanted[descriptor] = (0 if peer.closing else selectors.EVENT_READ) | (
                selectors.EVENT_WRITE if peer.blocked else 0
            )
        self._interest = _changed(
            self._selector, self._interest, {fd: events for fd, events in wanted.items() if events}
        )

    def _ready(self, descriptor: int, events: int) -> None:
        session = self.session
        if session.pty is not None and descriptor == session.pty.descriptor:
            if events & selectors.EVENT_WRITE:
                self.program.write()
            if events & selectors.EVENT_READ:
                self.program.take()
        elif descriptor in self.peers:
            self._serve(self.peers[descriptor], events)
        elif descriptor == self._wakeup:
            self._signalled(os.read(self._wakeup, 4096))
        elif descriptor == self.listener.socket.fileno():
            opened = self.listener.accept()
            if opened is not None:
                self._welcome(opened)

    def _signalled(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self.end()
        if signal.SIGCHLD in numbers:
            self.ending.child()
        if signal.SIGUSR1 in numbers and not self.ending.done:
            self.listener.restore()
            self.session.write_record()

    def _welcome(self, opened: socket, *, first: bool = False) -> None:
        """Takes a connection in; it has a while to say who it is."""
        peer = Peer(opened, first=first)
        self.peers[peer.descriptor] = peer
        self.session.timers.set(("hello", peer.descriptor), GREETING, lambda: self._silent(peer))

    def _silent(self, peer: Peer) -> None:
        if peer.first or not peer.role:
            self.drop(peer)

    def _serve(self, peer: Peer, events: int) -> None:
        """Deals with what a peer sent and with the room that it made. Whatever it sends costs nobody but itself."""
        try:
            if events & selectors.EVENT_WRITE:
                if peer.attachment is not None:
                    self.session.relay.writable(peer.attachment)
                else:
                    peer.feed(self.session.stream)
            if events & selectors.EVENT_READ and not peer.closed:
                frames = peer.receive()
                if frames is None:
                    self.drop(peer)
                    return
                for kind, payload in frames:
                    if peer.closed or peer.closing:
                        break
                    self._frame(peer, kind, payload)
        except SeshError as error:
            self.session.journal.note("a peer's connection was closed", error)
            self.drop(peer)
        except Exception:
            self.drop(peer)
            raise

    def _frame(self, peer: Peer, kind: int, payload: bytes) -> None:
        if kind == protocol.HELLO:
            self._greeted(peer, protocol.parse(payload))
        elif not peer.role:
            raise ProtocolError("a peer did not begin with HELLO")
        elif kind == protocol.PING:
            peer.queue(protocol.frame(protocol.PONG, payload))
        elif kind == protocol.DATA:
            peer.data += payload
            if len(peer.data) > MOST_DATA:
                raise ProtocolError("a peer sent more DATA than a request may carry")
        elif kind == protocol.REQUEST:
            self._requested(peer, protocol.parse(payload))
        elif peer.attachment is not None:
            self._attached(peer.attachment, kind, payload)

    def _greeted(self, peer: Peer, hello: dict[str, Any]) -> None:
        """Answers a HELLO; an attachment is taken in."""
        if peer.role:
            return
        session = self.session
        peer.role = "attach" if hello.get("role") == "attach" else "request"
        if not peer.first:
            session.timers.clear(("hello", peer.descriptor))
        welcome = {
            "protocol": protocol.PROTOCOL,
            "version": __version__,
            "id": session.facts["id"],
            "name": session.name,
            "position": session.stream.head,
            "last_input": 0,
        }
        if hello.get("protocol") != protocol.PROTOCOL:
            peer.queue(protocol.message(protocol.WELCOME, welcome))
            peer.closing = True
            return
        if peer.role == "request":
            peer.queue(protocol.message(protocol.WELCOME, welcome))
            return
        client = Attachment(peer, session.clients.next_number(), hello)
        client.sequence, left, was_raw = self.departed.pop(client.token, (0, -1, False))
        welcome["last_input"] = client.sequence
        peer.queue(protocol.message(protocol.WELCOME, welcome))
        if hello.get("replace") is True:
            for other in list(session.clients.all):
                self.part(other, "replaced")
        self._settled(peer)
        peer.attachment = peer.reader = client
        client.lines = REPLAY_LINES if hello.get("replay") is not False else 0
        self._resume(client, hello, left, was_raw)
        self.program.use_agent(self.agent)

    def _settled(self, peer: Peer) -> None:
        """The creator has said what it wants: a session that is over need not stay for it any longer."""
        peer.first = False
        self.session.timers.clear(("hello", peer.descriptor))

    def _resume(self, client: Attachment, hello: dict[str, Any], left: int, was_raw: bool) -> None:
        """Gives a client its place: where it was, if it comes back to the same session, else a screen of its own."""
        session = self.session
        since = hello.get("since")
        known = hello.get("id") == session.facts["id"] and isinstance(since, int) and 0 <= since <= session.stream.head
        same = client.size[:2] == session.clients.size[:2]
        session.clients.add(client)
        if not known or not isinstance(since, int):
            if same and not client.read_only and session.pty is not None and session.model.loaded:
                self._redraw_program()
            return
        session.model.catch_up()
        if hello.get("redraw") is True:
            client.lines = min(session.model.scrolled_since(since), REPLAY_LINES)
        elif client.mode == RAW and same and (was_raw or left < 0) and since >= session.stream.base:
            client.needs, client.position = "", since
        else:
            client.needs, client.left = RESYNC, since

    def _redraw_program(self) -> None:
        """Has a full-screen program draw its screen anew: the kernel tells it nothing where the size stays."""
        session = self.session
        if session.pty is not None and session.running and session.model.emulator.alternate:
            session.pty.signal_foreground(signal.SIGWINCH)

    def _requested(self, peer: Peer, words: dict[str, Any]) -> None:
        """Carries a verb out; its error is its answer."""
        self._settled(peer)
        data, peer.data = bytes(peer.data), bytearray()
        asked = words.get("id")
        asked = asked if isinstance(asked, int) else 0
        verb = VERBS.get(str(words.get("verb")))
        if verb is None:
            peer.refuse(asked, "usage", f"this session's daemon is sesh {__version__} and does not know that verb", 2)
            return
        try:
            verb(self, peer, asked, words, data)
        except SeshError as error:
            peer.refuse(asked, error.code, str(error), int(error.exit_code))
        except Exception as error:
            self.session.journal.note(f"a fault in the verb {words.get('verb')}", error)
            peer.refuse(asked, "internal", "the session's daemon failed at this; `sesh --status` shows the fault")

    def _attached(self, client: Attachment, kind: int, payload: bytes) -> None:
        """Deals with the frames that only an attached client sends."""
        session = self.session
        if kind == protocol.INPUT:
            self.program.receive(client, payload)
        elif kind == protocol.RESIZE:
            self._resized(client, clamp_size(*protocol.split_size(payload)))
        elif kind == protocol.DETACH:
            self.part(client, "detached")
        elif kind == protocol.REDRAW:
            if client.mode == HELD:
                session.clients.bring_back(client)
            else:
                client.view = None
                client.need(RESYNC)

    def _resized(self, client: Attachment, size: tuple[int, int, int, int]) -> None:
        session = self.session
        if size == session.clients.size == client.size and session.pty is not None and session.running:
            session.pty.signal_foreground(signal.SIGWINCH)
        changed = size[:2] != client.size[:2]
        client.size = size
        client.view = None
        session.clients.obey()
        if changed and client.mode == RAW:
            client.need(REPAINT)

    def type(self, writer: Hashable, data: bytes, done: Callable[[], None] | None) -> None:
        """Types bytes into the program."""
        self.program.type(writer, data, done)

    def end(self) -> None:
        """Ends the session and everything in it."""
        self.ending.begin()

    def time_out(self) -> None:
        """Ends a job whose time is over."""
        self.session.timed_out = True
        self.ending.begin()

    def part(self, client: Attachment, reason: str) -> None:
        """Detaches a client: it is told why, and what it needs to leave its terminal tidy."""
        session = self.session
        below = 0
        if client.mode == RAW and not client.peer.blocked:
            client.peer.feed(session.stream)
            session.model.catch_up()
            below = 0 if session.model.emulator.alternate else session.model.emulator.rows_below()
        told = {"reason": reason, "rows_below": below, "queries": client.replies.waiting(time.monotonic())}
        client.peer.queue(protocol.message(protocol.DETACH, told))
        self.dismiss(client)

    def dismiss(self, client: Attachment) -> None:
        """Lets a client go once it has got what is on its way."""
        client.peer.closing = True
        client.peer.flush()
        self._forget(client)

    def _forget(self, client: Attachment) -> None:
        session = self.session
        if client not in session.clients.all:
            return
        client.peer.attachment = None
        client.peer.reader = None
        session.timers.clear(("held", client.number))
        position = client.position if client.left < 0 else client.left
        session.model.mark(position)
        if client.token:
            self.departed[client.token] = (client.sequence, position, client.mode == RAW)
            while len(self.departed) > DEPARTED:
                self.departed.popitem(last=False)
        session.clients.remove(client)
        self.program.use_agent(self.agent)

    def drop(self, peer: Peer) -> None:
        """Closes a connection and forgets what hung on it. The session goes on."""
        if self.peers.get(peer.descriptor) is peer:
            del self.peers[peer.descriptor]
        self.session.timers.clear(("hello", peer.descriptor))
        if self._interest.pop(peer.descriptor, 0):
            self._selector.unregister(peer.descriptor)
        if peer.attachment is not None:
            self._forget(peer.attachment)
        if peer.reader is not None and peer.reader in self.session.relay.followers:
            self.session.relay.followers.remove(peer.reader)
        peer.drop()

    def forget_pty(self) -> None:
        """Stops looking at the pty, which is about to be closed."""
        pty = self.session.pty
        if pty is not None and self._interest.pop(pty.descriptor, 0):
            self._selector.unregister(pty.descriptor)
        self.program.open = False

    def release(self) -> None:
        """Gives the session's name back."""
        if self._interest.pop(self.listener.socket.fileno(), 0):
            self._selector.unregister(self.listener.socket.fileno())
        self.listener.release()
        if os.path.islink(self.agent):
            os.unlink(self.agent)


def _changed(selector: selectors.BaseSelector, before: dict[int, int], wanted: dict[int, int]) -> dict[int, int]:
    """Registers, modifies and unregisters what differs between two sets of interests; the wanted one."""
    if before == wanted:
        return before
    for descriptor in before.keys() - wanted.keys():
        selector.unregister(descriptor)
    for descriptor, events in wanted.items():
        if descriptor not in before:
            selector.register(descriptor, events)
        elif before[descriptor] != events:
            selector.modify(descriptor, events)
    return wanted
