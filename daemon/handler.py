"""HELLO of every connection, and the frames of attached clients; requests are in `requests`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from sesh.about import __version__
from sesh.daemon.clients.client import LAG, Client, Departed
from sesh.daemon.clients.connection import PeerConnection, Role
from sesh.daemon.clients.events import Missed
from sesh.daemon.session import Session
from sesh.daemon.shell import shells, variables
from sesh.errors import Malformed, ProtocolError
from sesh.schema import check
from sesh.system import programs
from sesh.text.sizes import Size, clamp_size
from sesh.vt.render.clean_screen import clean_screen
from sesh.wire import protocol
from sesh.wire.messages import Hello, Message, Welcome

KEY_TIMEOUT = 0.1  # seconds that an incomplete escape sequence waits for its rest; then it is typed as a key


class ClientHandler:
    """Handles the frames of attached clients; attaches and detaches them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._relay = session.relay
        self._pump = session.pump
        self._log = session.pump.log
        self._model = session.model
        self._clients = session.clients
        self._timers = session.loop.timers

    def handle_hello(self, connection: PeerConnection, hello: Mapping[str, object]) -> None:
        """Respond to a connection's first HELLO, and attach a client if its role is `attach`."""
        if connection.role != Role.UNKNOWN:
            return
        connection.role = Role.KNOWN if hello.get("protocol") == protocol.PROTOCOL else Role.FOREIGN
        if not connection.awaits_creator:  # the creator's timer also bounds the time to its first request
            self._timers.clear(self.no_hello, connection)
        welcome: Welcome = {
            "protocol": protocol.PROTOCOL,
            "version": __version__,
            "id": self._session.facts.id,
            "name": self._session.name,
            "position": self._log.head,
            "events": self._session.events.last,
            "last_input": 0,
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
        client = Client(connection, self._clients.last_number + 1, hello, partial(self._model.remember, in_flight=True))
        created = connection.awaits_creator
        departed = self._take_over_earlier(client)
        client.last_input = departed.last_input
        client.used_at = departed.used_at
        client.before_viewport = departed.before_viewport
        position = self._position_in(hello)
        welcome = {**welcome, "last_input": client.last_input, "new": created}
        if position is None and not created:
            welcome["missed"] = self._missed()
        connection.queue(protocol.message(protocol.WELCOME, welcome))
        if hello.get("replace"):
            for other in list(self._clients.all):
                self.detach(other, "replaced")
        self.release_creator(connection)
        connection.reader = client
        fitted = self._has_session_size(client)  # before `add`, which may give the session this client's size
        self._clients.add(client)
        if position is None:
            self._start(client, hello.get("seen", {}).get(welcome["id"]), created=created)
        else:
            self._model.catch_up()
            client.position = position
            if fitted and client.before_viewport is None and position >= self._log.base:
                client.resume(live=True)
        self._relay.go_on_with(connection)
        if not client.terminal.read_only:  # DISPLAY and the like are this client's from now on
            renewed = programs.accepted_variables(hello.get("renewed", {}))
            variables.update(self._session.facts, renewed)
        self._announce("attached", client)

    def _position_in(self, hello: Hello) -> int | None:
        """Return the position up to which a reconnecting client's terminal shows output, else None."""
        position = hello.get("position") if hello.get("id") == self._session.facts.id else None
        return position if position is not None and position <= self._log.head else None

    def _take_over_earlier(self, client: Client) -> Departed:
        """End the earlier connection of a client that reconnects; return what it leaves."""
        token = client.terminal.token
        for other in list(self._clients.all):
            if token and other.terminal.token == token:  # its old link may not have been found dead
                self.forget(other)
                other.connection.fail()
        return self._clients.departed.pop(token, Departed(0, client.used_at))

    def _start(self, client: Client, seen_to: int | None, *, created: bool) -> None:
        """Choose the first output of a new client: lines after `seen_to`, or all bytes."""
        if seen_to is not None and seen_to <= self._log.head:
            client.seen_to = seen_to
        elif created and self._log.base == 0 and self._log.head <= LAG and self._has_session_size(client):
            client.send_screen(0, clean_screen(*client.size[:2]))
            client.resume(live=True)

    def _has_session_size(self, client: Client) -> bool:
        return client.size[:2] == self._clients.size[:2]

    def no_hello(self, connection: PeerConnection) -> None:
        """End a connection whose HELLO does not come."""
        self.release_creator(connection)
        if connection.role == Role.UNKNOWN:
            connection.fail()

    def release_creator(self, connection: PeerConnection) -> None:
        """Stop keeping the whole log for the creator: it has made its request, if any."""
        if connection.awaits_creator:
            connection.awaits_creator = False
            self._log.whole = False
        self._timers.clear(self.no_hello, connection)

    def _missed(self) -> str:
        """Return a line about missed events; empty if a client is attached."""
        missed = self._session.events.missed
        if self._clients or not (missed.any and self._pump.life.running):
            return ""
        self._model.catch_up()
        return missed.line(self._model.scrolled_since(missed.position))

    def handle_input(self, client: Client, payload: bytes) -> None:
        """Handle an INPUT: type its keys, and the replies that the program waits for."""
        number, data = protocol.split_number(payload)
        if number <= client.last_input:  # a duplicate, handled over an earlier connection
            return
        if client.terminal.read_only or not self._pump.life.running:
            client.last_input = number
            self._relay.echoes.acknowledge(client)
            return
        keys = client.replies.filter(data, time.monotonic())
        if keys is not data and client.replies.key_begun:  # unchanged input means that nothing is held
            self._timers.set(self._release, KEY_TIMEOUT, client)
        self._type(client, keys, number, len(data))

    def _type(self, client: Client, keys: bytes, number: int, size: int) -> None:
        """Type what passed the filter of replies, of `size` bytes up to INPUT `number`."""
        by_person = client.replies.by_person  # not by the terminal
        if by_person:
            self._clients.note_key(client)  # first: resize to this terminal before the program sees the key
        # A key that answers an agent's question begins no line, which a later text would join.
        answers = self._session.activity.declared_question is not None and self._pump.pty.raw()
        self._pump.type(keys, by_person=by_person and not answers, in_line=by_person)
        client.last_input = number  # only now: after an error, the client sends the frame again
        self._relay.echoes.note_input(client, size)
        if by_person:  # after the write, so that it does not delay the key
            self._session.activity.key_typed(keys)

    def _release(self, client: Client) -> None:
        """Type the held, incomplete sequence as a key: its rest did not come in time."""
        if self._pump.life.running and (key := client.replies.release()):
            self._type(client, key, client.last_input, 0)

    def handle_frame(self, client: Client, kind: int, payload: bytes) -> None:
        if kind == protocol.RESIZE:
            self._resize(client, clamp_size(*protocol.split_size(payload)))
        elif kind == protocol.DETACH:
            self.detach(client, "detached")
        elif kind == protocol.GOT and (window := client.window) is not None:
            window.confirm(protocol.split_number(payload)[0])
            self._relay.go_on_with(client.connection)
        elif kind == protocol.MODEL:
            self._relay.echoes.send_model(client)
        elif kind == protocol.REDRAW:
            position, number = protocol.split_number(payload)
            client.redraw_from(min(position, self._log.head), protocol.split_number(number)[0])
            self._relay.repaint(client)

    def _resize(self, client: Client, size: Size) -> None:
        changed = size[:2] != client.size[:2]
        client.size = size
        self._clients.choose_leader()
        if changed:
            self._relay.repaint(client)

    def detach(self, client: Client, reason: str, asker: int = -1) -> None:
        """Detach a client: send the reason, and facts to restore its terminal with."""
        command = self._session.facts.command
        self._relay.send_due()  # the screen without sesh's line
        self.send_output(client)
        message: Message = {
            "reason": reason,
            "used_rows": self.used_rows(client),
            "queries": client.replies.queries.due(time.monotonic()),
            "command": shells.foreground_name(self._pump.pty, asker, command),
        }
        client.connection.queue(protocol.message(protocol.DETACH, message))
        self.dismiss(client)

    def send_output(self, client: Client) -> None:
        if client.gets_output and not client.connection.blocked:
            client.connection.send_output(self._log)

    def used_rows(self, client: Client) -> int | None:
        """Count the used rows from a client's cursor on; None if output is missing."""
        if not client.gets_output or client.position < self._log.head or not self._model.catch_up():
            return None
        emulator = self._model.emulator
        return 1 if emulator.alternate else emulator.used_rows()

    def dismiss(self, client: Client) -> None:
        """Remove a client; its connection is closed once everything is sent."""
        client.connection.flush()
        client.connection.close_when_sent()
        self.forget(client)

    def forget(self, client: Client) -> None:
        """Remove a client; keep its position and last INPUT for a reconnect."""
        if client not in self._clients.all:
            return
        self._release(client)  # its INPUT counts as received, so the client does not send it again
        client.connection.reader = None
        self._timers.clear(self._release, client)
        self._relay.echoes.forget(client)
        self._model.remember(client.position)
        self._clients.remove(client)
        if not self._clients:
            self._model.remember(self._log.head)
            self._session.events.missed = Missed(position=self._log.head)
        self._announce("detached", client)

    def _announce(self, event: str, client: Client) -> None:
        session = self._session
        session.events.add(
            event,
            client=client.number,
            pid=client.terminal.pid,
            tty=client.terminal.tty,
            read_only=client.terminal.read_only,
        )
        sockets = [other.terminal.auth_sock for other in reversed(self._clients.all)]
        variables.use_agent(session.facts, sockets)
