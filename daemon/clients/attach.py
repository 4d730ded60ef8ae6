"""Where clients are taken in, listened to and let go."""

from __future__ import annotations

import time

from sesh import __version__, protocol
from sesh.daemon.clients.client import HELD, RAW, REPAINT, RESYNC, Client, clamp_size
from sesh.daemon.shell.variables import displays, refresh
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.pty.pump import Pump
    from sesh.daemon.session import Session

DEPARTED = 64
"""Clients that are remembered after they have gone, so that they find their place again."""


class ClientHandler:
    """The attached clients' way in and out."""

    def __init__(self, session: Session, program: Pump, agent: str) -> None:
        self.session, self.pump, self.agent = session, program, agent

    def greet(self, connection: Connection, hello: dict[str, Any]) -> None:
        """Answers a HELLO; an attachment is taken in."""
        if connection.role:
            return
        session = self.session
        connection.role = "attach" if hello.get("role") == "attach" else "request"
        if not connection.first:
            session.timers.clear(("hello", connection.descriptor))
        welcome = {
            "protocol": protocol.PROTOCOL,
            "version": __version__,
            "id": session.facts["id"],
            "name": session.name,
            "position": session.log.head,
            "last_input": 0,
            "events": session.events.last,
            "can": ["rejoin"],
        }
        if hello.get("protocol") != protocol.PROTOCOL:
            connection.queue(protocol.message(protocol.WELCOME, welcome))
            connection.closing = True
            return
        if connection.role == "request":
            connection.queue(protocol.message(protocol.WELCOME, welcome))
            return
        client = Client(connection, session.clients.next_number(), hello)
        for other in list(session.clients.all):
            if client.token and other.token == client.token:
                self.forget(other)  # the same one over a new link, before the old one was seen to be dead
                other.connection.fail()
        client.sequence, left, was_raw = self.session.departed.pop(client.token, (0, -1, False))
        welcome["last_input"] = client.sequence
        connection.queue(protocol.message(protocol.WELCOME, welcome))
        if hello.get("replace") is True:
            for other in list(session.clients.all):
                self.part(other, "replaced")
        self.settled(connection)
        connection.client = connection.reader = client
        client.lines = client.most if hello.get("replay") is not False else 0
        self._resume(client, hello, left, was_raw)
        session.events.add("attached", session.name, **_told(client))
        self.pump.use_agent(self.agent)
        if not client.read_only:
            refresh(session.facts["id"], session.name, displays(hello.get("displays")))

    def settled(self, connection: Connection) -> None:
        """The creator has said what it wants: a session that is over need not stay for it any longer."""
        connection.first = False
        self.session.timers.clear(("hello", connection.descriptor))

    def _resume(self, client: Client, hello: dict[str, Any], left: int, was_raw: bool) -> None:
        """Gives a client its place: where it was, if it comes back to the same session, else a screen of its own."""
        session = self.session
        since = hello.get("since")
        known = hello.get("id") == session.facts["id"] and isinstance(since, int) and 0 <= since <= session.log.head
        same = client.size[:2] == session.clients.size[:2]
        if not (known or client.creator or session.clients) and session.running and session.missed.any:
            session.model.catch_up()
            client.notice = session.missed.line(session.model.scrolled_since(session.missed.position))
        session.clients.add(client)
        if not known or not isinstance(since, int):
            return
        session.model.catch_up()
        if hello.get("redraw") is True:
            client.lines = min(session.model.scrolled_since(since), client.most)
        elif client.mode == RAW and same and (was_raw or left < 0) and since >= session.log.base:
            client.needs, client.position = "", since
        else:
            client.needs, client.left = RESYNC, since

    def frame(self, client: Client, kind: int, payload: bytes) -> None:
        """Deals with the frames that only an attached client sends."""
        session = self.session
        if kind == protocol.INPUT:
            self.pump.receive(client, payload)
        elif kind == protocol.RESIZE:
            self._resized(client, clamp_size(*protocol.split_size(payload)))
        elif kind == protocol.DETACH:
            self.part(client, "detached")
        elif kind == protocol.REDRAW:
            if client.mode == HELD:
                session.clients.bring_back(client)
            else:
                client.view = None
                client.wants = True
                client.need(REPAINT)

    def _resized(self, client: Client, size: tuple[int, int, int, int]) -> None:
        session = self.session
        if size == session.clients.size == client.size and session.pty is not None and session.running:
            session.pty.signal_foreground(signal.SIGWINCH)
        changed = size[:2] != client.size[:2]
        client.size = size
        client.view = None
        session.clients.obey()
        if changed and client.mode == RAW:
            client.need(REPAINT)

    def part(self, client: Client, reason: str) -> None:
        """Detaches a client: it is told why, and what it needs to leave its terminal tidy."""
        session = self.session
        below: int | None = None
        if client.mode == RAW and not client.connection.blocked:
            client.connection.feed(session.log)
            session.model.catch_up()
            below = 0 if session.model.emulator.alternate else session.model.emulator.rows_below()
        told = {"reason": reason, "rows_below": below, "queries": client.replies.waiting(time.monotonic())}
        client.connection.queue(protocol.message(protocol.DETACH, told))
        self.dismiss(client)

    def dismiss(self, client: Client) -> None:
        """Lets a client go once it has got what is on its way."""
        client.connection.closing = True
        client.connection.flush()
        self.forget(client)

    def forget(self, client: Client) -> None:
        """Lets a client go now; what brings it back to its place is remembered."""
        session = self.session
        if client not in session.clients.all:
            return
        client.connection.client = None
        client.connection.reader = None
        session.timers.clear(("held", client.number))
        position = client.position if client.left < 0 else client.left
        session.model.mark(position)
        if client.token:
            session.departed[client.token] = (client.sequence, position, client.mode == RAW)
            while len(session.departed) > DEPARTED:
                session.departed.popitem(last=False)
        session.clients.remove(client)
        if not session.clients:
            session.missed.begin(session.log.head)
        session.events.add("detached", session.name, **_told(client))
        self.pump.use_agent(self.agent)


def _told(client: Client) -> dict[str, Any]:
    """A client as events show it."""
    return {"client": client.number, "pid": client.pid, "tty": client.tty, "read_only": client.read_only}
