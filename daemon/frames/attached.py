"""Attaches and detaches clients, and handles their frames. Frames change state; the turn sends what follows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from sesh.about import __version__
from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.client import Client, Clients, OutgoingScreen, Returning, Viewed
from sesh.daemon.clients.connection import PeerConnection, Role
from sesh.daemon.clients.events import Events, Missed
from sesh.daemon.frames.focus_reports import FocusReports
from sesh.daemon.frames.keyboard import Keyboard
from sesh.daemon.pty.output_log import Place
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.feed import ScreenFeed
from sesh.daemon.shell import shells, variables
from sesh.errors import Malformed, ProtocolError
from sesh.schema import check
from sesh.system import programs
from sesh.text.sizes import Size, clamp_size
from sesh.vt.render.clean_screen import clean_screen
from sesh.vt.render.viewport import Viewport
from sesh.wire import protocol
from sesh.wire.messages import Hello, Message, Welcome
from sesh.wire.window import HERE


class Farewell(NamedTuple):
    """The last message to a client: DETACH, or SWITCH, after which it shows nothing."""

    client: Client
    kind: int
    message: Message


class Attached:
    """The clients of a session as they come, act and leave."""

    def __init__(
        self,
        facts: Facts,
        pump: Pump,
        feed: ScreenFeed,
        clients: Clients,
        events: Events,
        keyboard: Keyboard,
        focus: FocusReports,
    ) -> None:
        self._facts = facts
        self._pump = pump
        self._log = pump.log
        self._feed = feed
        self._clients = clients
        self._events = events
        self._keyboard = keyboard
        self._focus = focus
        self.farewells: list[Farewell] = []

    def say_farewell(self) -> None:
        """Send the clients that leave their last message; called once they were sent what was due."""
        farewells = self.farewells
        self.farewells = []
        for client, kind, message in farewells:
            message["used_rows"] = self.used_rows(client)
            client.connection.queue(protocol.message(kind, message))
            if kind == protocol.DETACH:
                self.dismiss(client)

    # -- HELLO

    def handle_hello(self, connection: PeerConnection, hello: Mapping[str, object]) -> None:
        """Respond to a connection's first HELLO, and attach a client if its role is `attach`."""
        if connection.role != Role.UNKNOWN:
            return
        connection.role = Role.KNOWN if hello.get("protocol") == protocol.PROTOCOL else Role.FOREIGN
        welcome: Welcome = {
            "protocol": protocol.PROTOCOL,
            "version": __version__,
            "id": self._facts.id,
            "name": self._facts.name,
            "position": self._log.head,
            "events": self._events.last,
            "keys": True,
            "last_input": 0,
            "coding": self._facts.coding,
        }
        if connection.role == Role.KNOWN and hello.get("role") == "attach":
            try:
                checked = check.checked_here(Hello, hello)
            except Malformed as error:
                raise ProtocolError(f"a malformed HELLO: {error}") from None
            self._attach(connection, checked, welcome)
        else:
            connection.queue(protocol.message(protocol.WELCOME, welcome))

    def _attach(self, connection: PeerConnection, hello: Hello, welcome: Welcome) -> None:
        client = Client(connection, self._clients.last_number + 1, hello)
        created = connection.awaits_creator
        returning = self._take_over_earlier(client)
        client.last_input = client.received_input = returning.last_input
        client.used_at = returning.used_at
        client.left_out = returning.left_out
        client.focus = returning.focus
        position = self._position_in(hello)
        welcome = {**welcome, "last_input": client.last_input, "new": created}
        if position is None and not created:
            welcome["missed"] = self._missed()
        connection.queue(protocol.message(protocol.WELCOME, welcome))
        if hello.get("replace"):
            for other in self._clients.all:
                self.detach(other, "replaced")
        self.release_creator(connection)
        connection.reader = client
        if position is None:
            client.acts_from = 0 if created else self._log.head
            client.begun = hello.get("begun", {}).get(welcome["id"], client.begun)
            self._begin(client, hello.get("seen", {}).get(welcome["id"]), created=created)
        else:
            self._continue(client, position, returning)
        self._clients.add(client)
        self._focus.look_again()
        if not client.terminal.read_only:  # DISPLAY and the like are this client's from now on
            renewed = programs.accepted_variables(hello.get("renewed", {}))
            variables.update(self._facts, renewed)
        self._announce("attached", client)

    def _position_in(self, hello: Hello) -> int | None:
        """Return the position up to which a reconnecting client's terminal shows output, else None."""
        position = hello.get("position") if hello.get("id") == self._facts.id else None
        return position if position is not None and position <= self._log.head else None

    def _take_over_earlier(self, client: Client) -> Returning:
        """End the earlier connection of a client that reconnects; return what it leaves."""
        token = client.terminal.token
        for other in list(self._clients.all):
            if token and other.terminal.token == token:  # its old link may not have been found dead
                self._keyboard.type_keys(time.monotonic())  # of this turn: they count as received
                self.forget(other, returns=True)
                other.connection.discard()
        returning = self._clients.returning.pop(token, None)
        if returning is None:
            return Returning(0, client.used_at)
        if returning.place in self._log.places:
            self._log.places.remove(returning.place)
        return returning

    def _begin(self, client: Client, seen_to: int | None, *, created: bool) -> None:
        """Choose the first output of a new client: a screen with the lines after `seen_to`, or all bytes."""
        if seen_to is not None and seen_to <= self._log.head:
            client.seen_to = seen_to
        elif created and self._log.base == 0 and self._log.head <= HERE and self._has_session_size(client):
            self._stand(client, 0)
            client.screen = OutgoingScreen(0, pieces=[(0, clean_screen(*client.size[:2]))])

    def _continue(self, client: Client, position: int, returning: Returning) -> None:
        """Go on where a returning client's terminal stands; with a screen, if output alone does not do."""
        if returning.viewed is not None:
            client.place = Place(position, position)
            before, rows, alternate = returning.viewed
            viewport = Viewport(*client.size[:2], clear=False, alternate=alternate)
            client.viewed = Viewed(viewport, before, rows)
            return
        self._stand(client, position)
        if position < max(self._log.base, self._log.resized_at) or not self._has_session_size(client):
            client.ask_screen(time.monotonic())

    def _stand(self, client: Client, position: int) -> None:
        """Let a client's output begin at a position."""
        client.place = Place(position, position)
        self._log.places.append(client.place)
        client.asked = None

    def _has_session_size(self, client: Client) -> bool:
        return client.size[:2] == self._clients.size[:2]

    def release_creator(self, connection: PeerConnection) -> None:
        """Stop keeping the whole log for the creator: it has made its first request, or never will."""
        if connection.awaits_creator:
            connection.awaits_creator = False
            self._log.whole = False

    def _missed(self) -> str:
        """Return a line about missed events; empty if a client is attached."""
        missed = self._events.missed
        if self._clients or not (missed.any and self._pump.life.running):
            return ""
        self._feed.catch_up()
        return missed.line(self._feed.missed_since(self._feed.state_at(missed.position)))

    # -- frames

    def handle_frame(self, client: Client, kind: int, payload: bytes) -> None:
        """Handle a frame about a client's output, its size or its end."""
        now = time.monotonic()
        if kind == protocol.RESIZE:
            self._resize(client, clamp_size(*protocol.split_size(payload)), now)
        elif kind == protocol.DETACH:
            self.detach(client, "detached")
        elif kind == protocol.GOT:
            client.confirm(*protocol.split_got(payload), now)
        elif kind == protocol.REDRAW:
            position, number = protocol.split_number(payload)
            if client.place in self._log.places and position < client.place.got:
                self._log.places.remove(client.place)  # it has not shown its first screen
                client.place = None
            client.redraw_from(min(position, self._log.head), protocol.split_number(number)[0], now)

    def _resize(self, client: Client, size: Size, now: float) -> None:
        changed = size[:2] != client.size[:2]
        self._clients.note_size(client, size)
        if changed:
            client.ask_screen(now)
            if client.viewed is not None:
                client.viewed.begin_again(size)

    # -- leaving

    def detach(self, client: Client, reason: str, asker: int = -1) -> None:
        """Detach a client at the end of this turn. `asker`: the pid of the process that wants it."""
        message: Message = {
            "reason": reason,
            "queries": client.reply_filter.queries.due(time.monotonic()),
            "command": shells.foreground_name(self._pump.pty, asker, self._facts.command),
        }
        self.farewells.append(Farewell(client, protocol.DETACH, message))

    def switch(self, client: Client, message: Message) -> None:
        """Send a client to another session at the end of this turn."""
        self.farewells.append(Farewell(client, protocol.SWITCH, message))

    def used_rows(self, client: Client) -> int | None:
        """Count the used rows from a client's cursor on; None if output is missing."""
        if not self._clients.shows(client, self._log.head) or not self._feed.catch_up():
            return None
        emulator = self._feed.emulator
        return 1 if emulator.alternate else emulator.used_rows()

    def dismiss(self, client: Client) -> None:
        """Remove a client; its connection is closed once everything is sent."""
        client.connection.flush()
        client.connection.close_when_sent()
        self.forget(client)

    def forget(self, client: Client, *, returns: bool = False) -> None:
        """Remove a client; keep its place and last INPUT for a reconnect. `returns`: its connection was lost."""
        if client not in self._clients.all:
            return
        self._keyboard.forget(client)
        client.connection.reader = None
        if client.place is not None and client.place in self._log.places:
            self._log.leave(client.place)
            self._feed.keep_states(client.place)
        self._clients.remove(client, returns=returns)
        self._focus.look_again()
        if not self._clients:
            self._log.hold(self._log.head)  # what the next client has missed is counted from here
            self._feed.note_state()
            self._events.missed = Missed(position=self._log.head)
        self._announce("detached", client)

    def _announce(self, event: str, client: Client) -> None:
        self._events.add(
            event,
            client=client.number,
            pid=client.terminal.pid,
            tty=client.terminal.tty,
            read_only=client.terminal.read_only,
        )
        sockets = [other.terminal.auth_sock for other in reversed(self._clients.all)]
        variables.use_agent(self._facts, sockets)
