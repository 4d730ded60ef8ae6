"""The desk: what programs of the session want of their person's desktop, and how far each wish is.

```
ASKED ──the first byte──▶ FLOWING ──TOLD──▶ over        the caller has its response
  └────────────────────────┴─ nobody, time, a lost client, a reload ─▶ over
```

A caller's request (`desk`) becomes an exchange with the leader's client, which asks its person and its tools. The
client begins exchanges itself for the connections of a login that comes home (`streams`), and to learn when nobody
listens on a port any more. Files of its machine come in exchanges too, and by a caller's request `put` (`files`). A
client that leaves, and a reload, end its exchanges.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, Optional

from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.client import Client, Clients
from sesh.daemon.clients.connection import PeerConnection, PeerRequest
from sesh.daemon.clients.events import Events
from sesh.daemon.desktop import shims
from sesh.daemon.desktop.display import DisplayFile
from sesh.daemon.desktop.files import Files, Sent
from sesh.daemon.desktop.looks import PortLooks
from sesh.daemon.pty.pump import Pump
from sesh.daemon.shell import shells, variables
from sesh.desktop import addresses
from sesh.errors import Malformed, ProtocolError
from sesh.forward.stream import LAST_PORT, LOOPBACK, Carried, PortStream
from sesh.loop.poll import Poll
from sesh.schema import check, codec
from sesh.store import records
from sesh.system import platforms, ports
from sesh.system.clock import STEADY
from sesh.text.safe import plain
from sesh.wire import protocol
from sesh.wire.messages import MAX_CLIENT_JSON, Ask, DesktopFacts, Told, Why, Wish, refusal
from sesh.wire.pieces import HELD, MAX_BYTES, MAX_EXCHANGES, TOO_LARGE, Flow, Pieces

FRAMES = (protocol.ASK, protocol.PIECE, protocol.TAKEN, protocol.TOLD, protocol.DESKTOP)
LIST_TIME = 3.0  # seconds for a list of types
TIME = 30.0  # seconds without progress for every other wish
PORT_LOOK = 1.0  # seconds between two looks whether somebody still listens on a port
SPEAKS_WITHIN = 2.0  # seconds for a client that has attached to say what its desktop can do
EVENT_PAUSE = 60.0  # seconds between two events of the same kind and program
_BURST = 256 << 10  # bytes of pieces in one turn to one client
_BEGUN_AT_ONCE = 4  # wishes in one turn; whose ports an address names takes a millisecond or two
_MAX_TYPE = 256  # characters of a MIME type
_MAX_PROGRAM = 64  # characters of a program's name


class State(Enum):
    """How far a caller's exchange is: see the drawing above."""

    ASKED = auto()
    FLOWING = auto()


@dataclass(eq=False)
class Asked:
    """What a caller has asked. `until`: when (monotonic) it is given up; `bytes`: that went either way."""

    request: PeerRequest[Told]
    wish: Wish
    ask: Ask
    until: float
    is_whole: bool  # every byte to be written has come
    state: State = State.ASKED
    bytes: int = 0
    link: Optional[Link] = None  # to the client, once it is known which one leads
    flow: Optional[Flow] = None
    held: bytearray = field(default_factory=bytearray)  # bytes to be written, while there is no flow


class Link:
    """The exchanges with one client. `desktop`: what its machine can do; None before it has said so."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.desktop: DesktopFacts | None = None
        self.pieces = Pieces(time.monotonic(), over_link=client.over_link)
        self.asked: dict[int, Asked] = {}
        self.streams: dict[int, PortStream] = {}
        self.watched: dict[int, int] = {}  # ports on which somebody listens, by the number of their exchange
        self.last_number = 0

    def next_number(self) -> int:
        self.last_number += 2
        return self.last_number


class Desk(Part):
    """All wishes of a session's programs."""

    def __init__(self, agenda: Agenda, facts: Facts, clients: Clients, events: Events, pump: Pump) -> None:
        super().__init__(agenda)
        self._facts = facts
        self._pump = pump
        self._clients = clients
        self._events = events
        self.poll = Poll()  # the server's, once there is one
        self.busy = False  # something is under way
        self._is_offer_due = False  # whether the leader's desktop opens pages is to be told to the shells
        self._links: dict[Client, Link] = {}
        self._new: list[Asked] = []  # that no client was asked yet
        self.looks = PortLooks()
        self._next_look = 0.0  # time (monotonic) of the next look at the ports that are watched
        self._display = DisplayFile()
        self._has_advised = False  # what to do where the shims are lost
        self.files = Files(agenda, facts, pump)
        self._noted: dict[tuple[str, str], float] = {}  # when (monotonic) each kind and program last was an event

    def desktop_of(self, client: Client) -> DesktopFacts | None:
        """Return what a client's desktop can do; None if it has not said so."""
        link = self._links.get(client)
        return None if link is None else link.desktop

    # -- clients

    def follow_clients(self) -> None:
        """Follow who is attached and leads: the leader's login says whether the real programs reach a display."""
        for client in [client for client in self._links if client not in self._clients.all]:
            self._forget(client)
        leader = self._clients.leader
        if leader is not None:
            self._display.set(self._facts.id, exists=leader.terminal.has_display)
            self._is_offer_due = True
        if self._new or self._is_offer_due:
            self.due = 0.0

    def _offer_browser(self, now: float) -> None:
        """Have programs open pages if the leader's desktop can, once it has said so, or is too old to say anything."""
        leader = self._clients.leader
        if leader is not None and now >= self._awaited_until():
            self._is_offer_due = False
            desktop = self.desktop_of(leader) or {}
            can_open = desktop.get("open", False) and desktop.get("listen", False)
            variables.offer_browser(self._facts, can_open=can_open)

    def created(self, login: Mapping[str, str]) -> None:
        """Follow the creator's variables, until a client leads."""
        self._display.set(self._facts.id, exists=platforms.brings_display(login))

    def restore_files(self) -> None:
        """Make the session's file about the display again, if it was removed."""
        self._display.restore(self._facts.id)

    def _forget(self, client: Client) -> None:
        """End the exchanges with a client that has left."""
        link = self._links.pop(client)
        for asked in list(link.asked.values()):
            self._respond(asked, refusal(Why.GONE, "the client that was asked has gone; try again"))
        for stream in link.streams.values():
            stream.close()
        self.files.leave(link)
        self._plan()

    def end_all(self, what: str) -> None:
        """End every exchange, since something has happened to the session."""
        words = f"{self._facts.name} {what} meanwhile"
        for asked in self._all_asked():
            self._respond(asked, refusal(Why.GONE, words))
        self.files.end_all(words)
        self.looks.close()
        for client in list(self._links):
            self._forget(client)

    def _all_asked(self) -> list[Asked]:
        return [*self._new, *(asked for link in self._links.values() for asked in link.asked.values())]

    # -- callers

    def ask(self, request: PeerRequest[Told], wish: Wish, ask: Ask, *, is_whole: bool) -> None:
        """Have the leader's desktop asked, as soon as one leads that has said what it can do."""
        ask["program"] = plain(ask.get("program", ""))[:_MAX_PROGRAM]
        now = time.monotonic()
        until = now + (LIST_TIME if wish is Wish.LIST else TIME)
        asked = Asked(request, wish, ask, until, is_whole, held=bytearray(request.data))
        if len(ask.get("url", "")) > addresses.MAX_BYTES or len(ask.get("type", "")) > _MAX_TYPE:
            self._respond(asked, refusal(Why.REFUSED, "what was asked for is too long"))
            return
        if len(self._new) >= MAX_EXCHANGES:
            self._respond(asked, refusal(Why.NONE, self._crowd))
            return
        self._new.append(asked)
        self.busy = True
        self.due = 0.0

    def take_file(self, request: PeerRequest[Told], ask: Ask, key: str) -> None:
        """Take a file of a caller, whose bytes follow; by the `key` it is known if it comes again."""
        pieces = Pieces(time.monotonic(), over_link=True, alone=True)
        flow = pieces.open(request.number)
        sent = self._sent(request.connection, ask, flow, request.respond)
        sent.pieces, sent.request_key = pieces, key
        if not self.files.take_again(sent):
            self.files.take(sent)
        self.busy = True

    def _sent(self, owner: object, ask: Ask, flow: Flow, tell: Callable[[Told], None]) -> Sent:
        """Return what begins the way of a file here."""

        def ends(told: Told) -> None:
            tell(told)
            self._add_event(Wish.PUT, ask, sent.written, told)

        name, size, pastes = ask.get("name", ""), ask.get("size", 0), ask.get("paste", False)
        sent = Sent(owner, flow.number, name, size, flow, ends, pastes, by_person=isinstance(owner, Link))
        return sent

    def receive(self, connection: PeerConnection, payload: bytes) -> None:
        """Handle a PIECE or TAKEN of a caller, whose number is that of its request. Raises ProtocolError."""
        number, data = protocol.split_number(payload)
        sent = self.files.of(connection, number)
        if sent is not None and sent.pieces is not None:
            sent.pieces.receive(payload)
            self.files.bytes_came(sent)
            return
        for asked in self._all_asked():
            if asked.request.connection is connection and asked.request.number == number and not asked.is_whole:
                self._receive_from(asked, data)
                return

    def _receive_from(self, asked: Asked, data: bytes) -> None:
        """Pass a caller's bytes on."""
        asked.is_whole = not data
        flow = asked.flow
        if len(asked.held if flow is None else flow.unsent) > 2 * HELD:
            raise ProtocolError("a caller sent more than its window allows")
        if flow is None:
            asked.held += data
            return
        flow.give(data)
        if asked.is_whole:
            flow.finish()
        if flow.sent + len(flow.unsent) > MAX_BYTES:
            flow.tell(refusal(Why.SIZE))
            self._respond(asked, refusal(Why.SIZE, TOO_LARGE))

    def drop_caller(self, connection: PeerConnection) -> None:
        """End the exchanges whose caller has gone."""
        self.files.leave(connection)
        for asked in self._all_asked():
            if asked.request.connection is connection:
                self._leave(asked)
                if asked.flow is not None:
                    asked.flow.tell(refusal(Why.GONE))

    def _leave(self, asked: Asked) -> None:
        """Take a caller's exchange off the lists."""
        if asked in self._new:
            self._new.remove(asked)
        if asked.link is not None and asked.flow is not None:
            asked.link.asked.pop(asked.flow.number, None)

    def _respond(self, asked: Asked, told: Told) -> None:
        """End a caller's exchange with its response."""
        self._leave(asked)
        told.pop("number", None)
        asked.request.respond(told)
        if not (asked.wish is Wish.LISTEN and asked.state is State.FLOWING):  # its beginning was noted
            self._note(asked, told)

    def _note(self, asked: Asked, told: Told) -> None:
        """Add an event, at most one in a while for each kind and program; none for a list, which is half a read."""
        if asked.wish is Wish.LIST:
            return
        program = asked.ask.get("program", "")
        now = time.monotonic()
        kind = f"{asked.wish.value} {told.get('why', '')}", program
        self._noted = {each: at for each, at in self._noted.items() if now - at < EVENT_PAUSE}
        if kind not in self._noted:
            self._noted[kind] = now
            self._add_event(asked.wish, asked.ask, asked.bytes, told)

    def _add_event(self, wish: Wish, ask: Ask, size: int, told: Told) -> None:
        """Add an event, which says nothing of the content, nor of a file's name."""
        program, why = ask.get("program", ""), told.get("why") or None
        self._events.add("desktop", wish=wish.value, program=program, bytes=size, why=why)

    # -- in the turn

    def act(self, now: float) -> None:
        """Ask for what is new, give up what takes too long, and look at the ports that are watched."""
        if self._is_offer_due:
            self._offer_browser(now)
        for asked in self._new[:_BEGUN_AT_ONCE]:
            self._begin(asked, now)
        for link in list(self._links.values()):
            for asked in list(link.asked.values()):
                if asked.until <= now and asked.flow is not None:
                    asked.flow.tell(refusal(Why.TIME))
                    self._respond(asked, refusal(Why.TIME, "the desktop did not answer in time"))
        if self._is_watching and self._next_look <= now:
            self._next_look = now + PORT_LOOK
            self.looks.ask(self._check_watched)
        self._plan()

    @property
    def _is_watching(self) -> bool:
        return any(link.watched for link in self._links.values())

    def _check_watched(self, look: ports.Look) -> None:
        """Tell the clients which of the ports that they watch nobody listens on any more."""
        for link in self._links.values():
            for number, port in list(link.watched.items()):
                if not look.own_loopback(port):
                    del link.watched[number]
                    link.pieces.flows[number].tell(refusal(Why.GONE))

    def _plan(self) -> None:
        asked = [each.until for each in self._all_asked()]
        self.due = min(asked, default=NEVER)
        if self._new or (self._is_offer_due and self._clients.leader is not None):
            self.due = min(self.due, self._awaited_until())
        if self._is_watching:
            self.due = min(self.due, self._next_look)
        self.due = min(self.due, self.looks.until)

    def _awaited_until(self) -> float:
        """Return until when (monotonic) a lost leader may return, or a new one say what its desktop can do."""
        leader = self._clients.leader
        if leader is None:
            return self._clients.lost.until
        if self.desktop_of(leader) is not None:
            return 0.0
        return time.monotonic() + SPEAKS_WITHIN - (STEADY.now() - leader.attached_at)

    def _begin(self, asked: Asked, now: float) -> None:
        """Ask the leader's client, unless it is still awaited."""
        if now < self._awaited_until():
            return
        self._new.remove(asked)
        leader = self._clients.leader
        link = None if leader is None else self._links.get(leader)
        if link is None or link.desktop is None or len(link.pieces.flows) >= MAX_EXCHANGES:
            self._respond(asked, refusal(Why.NONE, self._absence(leader, link)))
            return
        number = link.next_number()
        asked.link, asked.flow = link, link.pieces.open(number)
        link.asked[number] = asked
        asked.ask["number"] = number
        asked.ask["wish"] = asked.wish.value
        if asked.wish is Wish.OPEN:
            self.looks.ask(partial(self._ask_to_open, link, asked))
        else:
            link.client.connection.queue(protocol.message(protocol.ASK, asked.ask))
        asked.flow.give(bytes(asked.held))
        asked.held = bytearray()
        if asked.is_whole and asked.wish is Wish.WRITE:
            asked.flow.finish()

    @staticmethod
    def _ask_to_open(link: Link, asked: Asked, look: ports.Look) -> None:
        """Ask for a page, with the ports of its address on which this user listens."""
        if asked in link.asked.values():  # else its caller has gone meanwhile
            asked.ask["ports"] = _own_ports(asked.ask.get("url", ""), look)
            link.client.connection.queue(protocol.message(protocol.ASK, asked.ask))

    def _absence(self, leader: Client | None, link: Link | None) -> str:
        """Return the line of why nobody can be asked."""
        name = self._facts.name
        if leader is None:
            return f"nobody is attached to {name}, so there is no clipboard or browser to reach"
        if link is not None and link.desktop is not None:
            return self._crowd
        version = f" {leader.terminal.version}" if leader.terminal.version else ""
        return f"the attached client (sesh{version}) reaches no clipboard or browser; upgrade sesh there, attach again"

    @property
    def _crowd(self) -> str:
        return f"{MAX_EXCHANGES} wishes of {self._facts.name} are under way; try again"

    def move(self, ready: dict[int, int]) -> None:
        """Move the bytes of the connections that are ready."""
        self.files.move(ready)
        self.looks.move(ready)
        for link in self._links.values():
            for number, stream in list(link.streams.items()):
                stream.move(ready.get(stream.descriptor, 0))
                if stream.state in (Carried.OVER, Carried.FAILED):
                    del link.streams[number]
                    stream.close()
                    link.pieces.flows[number].tell(stream.told)

    def send(self, now: float) -> None:
        """End the turn: send each client pieces, while nothing else is to be sent, and callers what has come."""
        self.looks.end_turn()
        for link in self._links.values():
            if link.pieces.flows:
                for asked in list(link.asked.values()):
                    self._pass_on(asked)
                self._send_pieces(link, now)
        for sent in self.files.sent:
            if sent.pieces is not None and isinstance(sent.owner, PeerConnection):
                while frame := sent.pieces.next_frame(now):
                    sent.owner.queue(frame)
        is_asked = bool(self._new) or any(link.pieces.flows for link in self._links.values())
        self.busy = is_asked or self.files.busy or self.looks.busy

    def _send_pieces(self, link: Link, now: float) -> None:
        connection = link.client.connection
        sent = 0
        while not connection.closing and (not connection.unsent or connection.flush()):
            if sent >= _BURST:
                self.due = now  # goes on in the next turn
                break
            frame = link.pieces.next_frame(now)
            if not frame:
                break
            connection.queue(frame)
            sent += len(frame)
        for stream in link.streams.values():
            stream.move(0)  # there may be room again
        for asked in link.asked.values():
            self._say_taken(asked)

    def _pass_on(self, asked: Asked) -> None:
        """Give a caller the bytes that have come for it, while it reads them."""
        connection, flow = asked.request.connection, asked.flow
        while flow is not None and flow.incoming and not connection.closing and len(connection.unsent) < HELD:
            data = flow.take(protocol.CHUNK)
            asked.bytes += len(data)
            if asked.wish in (Wish.READ, Wish.LISTEN):
                connection.queue(protocol.data_frames(data))
                connection.flush()

    def _say_taken(self, asked: Asked) -> None:
        """Tell a caller how many of its bytes have been sent on."""
        if asked.flow is not None and asked.wish is Wish.WRITE and asked.flow.sent > asked.bytes:
            asked.bytes = asked.flow.sent
            asked.until = max(asked.until, time.monotonic() + TIME)
            asked.request.connection.queue(protocol.taken(asked.request.number, asked.bytes))

    # -- frames of clients

    def handle_frame(self, client: Client, kind: int, payload: bytes) -> None:
        """Handle a frame of `FRAMES` of an attached client. Raises ProtocolError."""
        if client.terminal.read_only:  # nobody's desktop
            return
        link = self._links.get(client)
        if link is None:
            link = self._links[client] = Link(client)
        now = time.monotonic()
        if kind == protocol.DESKTOP:
            link.desktop = _checked(DesktopFacts, payload)
            self._is_offer_due = self._is_offer_due or client is self._clients.leader
            self.due = 0.0
        elif kind == protocol.ASK:
            self._handle_ask(link, _checked(Ask, payload))
        elif kind == protocol.TOLD:
            self._handle_told(link, _checked(Told, payload))
        elif kind == protocol.TAKEN:
            link.pieces.confirm(payload, now)
        elif (flow := link.pieces.receive(payload)) is not None:
            self._note_progress(link, flow, now)

    def _note_progress(self, link: Link, flow: Flow, now: float) -> None:
        """Note that bytes have come; end a read of more of them than a clipboard may have."""
        if (sent := self.files.of(link, flow.number)) is not None:
            self.files.bytes_came(sent)
        asked = link.asked.get(flow.number)
        if asked is None:
            return
        if asked.wish is Wish.LISTEN and asked.state is State.ASKED:
            self._note(asked, {"ok": True})
        asked.state = State.FLOWING
        asked.until = NEVER if asked.wish is Wish.LISTEN else now + TIME
        if flow.received > MAX_BYTES:
            flow.tell(refusal(Why.SIZE))
            self._respond(asked, refusal(Why.SIZE, f"the clipboard has more than {MAX_BYTES >> 20} MiB"))

    def _handle_told(self, link: Link, told: Told) -> None:
        number = told.get("number", 0)
        if (stream := link.streams.pop(number, None)) is not None:
            stream.close()
        link.watched.pop(number, None)
        self.files.leave(link, number)
        asked = link.asked.get(number)
        flow = link.pieces.flows.get(number)
        link.pieces.close(number)
        if asked is None or flow is None:
            return
        data = flow.take()
        asked.bytes += len(data)
        if asked.wish is Wish.READ:
            asked.request.connection.queue(protocol.data_frames(data))
        self._respond(asked, told)

    def _handle_ask(self, link: Link, ask: Ask) -> None:
        """Begin an exchange of a client: a connection to a port, or a look at one; a file, or a look for paths."""
        number, port, wish = ask.get("number", 0), ask.get("port", 0), ask.get("wish")
        if not number % 2 or number in link.pieces.flows:
            raise ProtocolError("a client began an exchange twice")
        flow = link.pieces.open(number, is_stream=wish == Wish.STREAM.value)
        self.busy = True
        if len(link.pieces.flows) > MAX_EXCHANGES:
            flow.tell(refusal(Why.REFUSED))
        elif wish == Wish.SHIMS.value:
            flow.tell({"ok": True, "why": "", "words": self._shims_line()})
        elif wish == Wish.FIND.value:
            self.files.find(ask, flow.tell)
        elif wish == Wish.PUT.value:
            self.files.take(self._sent(link, ask, flow, flow.tell))
        elif ask.get("any") and 0 < port <= LAST_PORT:
            self._reach(link, flow, wish, port, [*LOOPBACK])
        else:
            self.looks.ask(lambda look: self._reach(link, flow, wish, port, look.own_loopback(port)))
            self._plan()

    def _reach(self, link: Link, flow: Flow, wish: str | None, port: int, hosts: list[str]) -> None:
        """Begin a connection to a port, or a watch of it, if it is reached at some host."""
        if link.pieces.flows.get(flow.number) is not flow or link not in self._links.values():
            return  # the client has ended it meanwhile, or has gone
        if wish == Wish.STREAM.value and hosts:
            link.streams[flow.number] = PortStream(port, hosts, flow, self.poll)
        elif wish == Wish.PORT.value and hosts:
            link.watched[flow.number] = port
            self._next_look = time.monotonic() + PORT_LOOK
            self._plan()
        else:
            flow.tell(refusal(Why.REFUSED))

    def _shims_line(self) -> str:
        """Return what to do where the program in the foreground does not find the shims: once, else nothing."""
        pty = self._pump.pty
        if self._has_advised or self._display.exists:
            return ""
        env_file = records.file_of(self._facts.id, "env")
        line = shims.advice(pty.foreground(), shells.foreground_name(pty), env_file)
        self._has_advised = line != ""
        return line


def _own_ports(url: str, look: ports.Look) -> list[int]:
    """Return the loopback ports that an address names, and on which the session's user listens here.

    Its own host may be a name that leads to loopback on the desktop, which looks it up.
    """
    try:
        address = addresses.parse(url)
        own = addresses.parse(url, (address.host,))
    except Malformed:  # the client refuses it
        return []
    named = dict.fromkeys(each.port for each in (*address.ports, *own.ports))
    return [port for port in named if look.own_loopback(port)]


def _checked(hint: Any, payload: bytes) -> Any:
    if len(payload) > MAX_CLIENT_JSON:  # a response to a caller may take six times as many bytes
        raise ProtocolError(f"{hint.__name__.upper()} of {len(payload)} bytes")
    try:
        return check.checked_here(hint, codec.parse(payload))
    except Malformed as error:
        raise ProtocolError(f"a malformed {hint.__name__.upper()}: {error}") from None
