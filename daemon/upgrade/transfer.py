"""A daemon as plain data: its session, its descriptors, and everybody who is connected to it.

What is handed over is taken over (`takeover`) by another process image of the same pid, maybe of a newer sesh: `FORMAT`
changes with the shape, and a newer sesh goes on reading the older ones. This side is loaded in time: when it is needed,
its file may be the newer sesh's already.

The other side of `handover`, in the new image: a daemon from plain data, on descriptors that came through `exec`.

`trial` and `adopt` are called by the image before, which may be of an older sesh: their names and words stay.
"""

from __future__ import annotations

import os

from sesh import __version__, protocol
from sesh.daemon.clients.client import DRAWN, Client
from sesh.daemon.clients.connection import Connection, Reader
from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.input import StdinPipe
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Taken
from sesh.daemon.pty.replies import ReplyFilter
from sesh.daemon.requests import Sent
from sesh.daemon.server import Server
from sesh.daemon.shell.shells import TypedLine
from sesh.daemon.upgrade import state
from sesh.daemon.upgrade.state import packed, unpacked
from sesh.errors import Refused
from sesh.lean import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.server import Server
    from sesh.daemon.session import Session

    Handover = dict[str, Any]

FORMAT = 1
PASSED = b"sesh can take over"
"""What the trial prints when the new version can load the state."""
_CLIENT = tuple(word for word in Client.__slots__ if word not in ("replies", "view"))
PEER = ("descriptor", "first", "role", "closing", "touched", "owed")
BYTES = ("_begun",)
"""Words of `ReplyFilter` that are bytes."""


def dump(server: Server) -> Handover:
    """All of a daemon that is not about to end, and no shell of which is just told of a command. Closed connections are
    dropped.
    """
    session = server.session
    for connection in [each for each in server.connections.values() if each.closed]:
        server.drop(connection)
    pty = session.pty
    places = {connection: at for at, connection in enumerate(server.connections.values())}
    last, events, readers = session.events.kept()
    return {
        "format": FORMAT,
        "session": {**state.dump(session), "input": []},
        "units": [
            [writer, packed(bytes(data)), _awaited(done, places)] for writer, data, done in session.input.units()
        ],
        "listener": server.listener.state(),
        "pty": pty.state() if pty is not None and pty.descriptor >= 0 else None,
        "open": server.pump.open,
        "feed": _feed(session, places),
        "agent": server.agent,
        "done": server.ending.done,
        "connections": [_peer(connection) for connection in server.connections.values()],
        "turns": [session.clients.turn, session.clients.numbers],
        "attached": [places[client.connection] for client in session.clients.all],
        "followers": [places[each.connection] for each in session.relay.followers],
        "events": [
            last,
            events,
            [[places[connection], seen] for connection, seen in readers.items() if connection in places],
        ],
        "waits": _waits(session, places),
        "runs": session.runs.kept(places) if session.runs is not None else None,
        "hooks": list(session.hooks.kept().items()) if session.hooks is not None else [],
        "draft": _slots(session.draft, session.draft.__slots__) if session.draft is not None else None,
        "journal": session.faults.lines(),
        "checkpoint": session.timers.left("checkpoint"),
    }


def descriptors(told: Handover) -> list[int]:
    """The descriptors that a handover speaks of."""
    found = [each["descriptor"] for each in told["connections"]]
    for part in ("listener", "pty", "feed"):
        if told[part] is not None:
            found += [told[part][key] for key in ("descriptor", "other") if told[part].get(key, -1) >= 0]
    return found


def _peer(connection: Connection) -> dict[str, Any]:
    out, due = connection.kept()
    reader, client = connection.reader, connection.client
    return {
        **_slots(connection, PEER),
        "unfinished": packed(connection.decoder.unfinished),
        "data": packed(bytes(connection.data)),
        "backlog": [[kind, packed(payload)] for kind, payload in connection.backlog],
        "waits": [[asked, wanted] for asked, wanted in connection.waits.items()],
        "out": packed(out),
        "due": due,
        "reader": _slots(reader, ("position", "skipped")) if reader is not None else None,
        "client": _client(client) if client is not None else None,
    }


def _client(client: Client) -> dict[str, Any]:
    replies = _slots(client.replies, ReplyFilter.__slots__)
    return {**_slots(client, _CLIENT), "replies": {**replies, **{word: packed(replies[word]) for word in BYTES}}}


def _awaited(done: Callable[[bool], None] | None, places: dict[Connection, int]) -> list[Any] | None:
    """Who waits for a unit of input to be taken in."""
    if isinstance(done, Taken) and done.client.connection in places:
        return ["taken", places[done.client.connection], done.number, done.size]
    if isinstance(done, Sent) and done.connection in places:
        return ["sent", places[done.connection], done.asked, done.position]
    return None


def _waits(session: Session, places: dict[Connection, int]) -> list[list[Any]]:
    if session.waits is None:
        return []
    return [
        [
            places[wait.connection],
            wait.asked,
            session.timers.left(("wait", wait.asked, wait.connection.descriptor)),
            {"prompt": wait.prompt, "idle": wait.idle, "since": wait.since},
        ]
        for wait in session.waits.all
        if wait.pending and wait.connection in places
    ]


def _feed(session: Session, places: dict[Connection, int]) -> dict[str, Any] | None:
    feed = session.stdin
    if feed is None:
        return None
    waiting, asked, ends = feed.kept()
    return {
        **_slots(feed, ("descriptor", "received", "patience")),
        "feeder": places.get(feed.feeder) if feed.feeder is not None else None,
        "waiting": [packed(waiting), asked, ends],
        "left": session.timers.left("feed"),
    }


def _slots(thing: object, words: tuple[str, ...]) -> dict[str, Any]:
    return {word: getattr(thing, word) for word in words}


def _read(memory: int) -> dict[str, Any]:
    os.lseek(memory, 0, os.SEEK_SET)
    blocks = []
    while block := os.read(memory, 1 << 20):
        blocks.append(block)
    return protocol.parse(b"".join(blocks))


def trial() -> None:
    """In the trial's process: takes the state on fd 0 over, with stand-ins for the descriptors, and says so on fd 1."""
    told = _read(0)
    kept = []
    for place in [told["listener"], *told["connections"]]:
        kept.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
        place["descriptor"] = kept[-1][0].fileno()
    for part in ("pty", "feed"):
        if told[part] is not None:
            told[part]["descriptor"] = told[part]["other"] = os.open(os.devnull, os.O_RDWR)
    load(told)
    os.write(1, PASSED + b"\n")
    os._exit(0)


def adopt(memory: int, failed: str = "") -> Callable[[], None]:
    """In the new image: the loop of the daemon whose state `memory` holds; called, it serves to the end.

    `failed`: why the sesh that was to take over could not, where this is the old one again. What this raises leads
    back to the old one; once it has returned, nothing does.
    """
    told = _read(memory)
    server, connections = load(told)
    place, asked = told["asked"]
    if place is not None and failed:
        why = f"the other sesh could not take over ({failed}); {server.session.name} goes on as it was"
        connections[place].refuse(asked, Refused(why))
    elif place is not None:
        connections[place].respond(asked, name=server.session.name, version=__version__)
    for descriptor in descriptors(told):
        os.set_inheritable(descriptor, False)
    os.close(memory)
    server.session.faults.note(f"not reloaded: {failed}" if failed else f"reloaded as sesh {__version__}")

    def serve() -> None:
        server.guarded(server.session.write_record, "the record")
        server.run()
        os._exit(0)

    return serve


def load(told: dict[str, Any]) -> tuple[Server, list[Connection]]:
    """The daemon that `dump` told of, on descriptors that this process has, and its connections in their order.

    Raises ValueError for another format, KeyError and TypeError for what is none.
    """
    if told.get("format") != FORMAT:
        raise ValueError(f"a handover of format {told.get('format')}, not {FORMAT}")
    session = state.load(told["session"], Pty(None, told["pty"]) if told["pty"] is not None else None)
    server = Server(session, Listener.adopt(told["listener"]), None, told["agent"])
    server.pump.open, server.ending.done = told["open"], told["done"]
    connections = [_connected(each) for each in told["connections"]]
    for connection in connections:
        server.admit(connection)
    session.clients.turn, session.clients.numbers = told["turns"]
    session.clients.all += [client for at in told["attached"] if (client := connections[at].client) is not None]
    session.relay.followers += [reader for at in told["followers"] if (reader := connections[at].reader) is not None]
    last, events, readers = told["events"]
    session.events.resume(last, events, {connections[at]: seen for at, seen in readers})
    session.faults.resume(told["journal"])
    for writer, data, awaited in told["units"]:
        done = _done(server, connections, awaited)
        session.input.add(tuple(writer) if isinstance(writer, list) else writer, unpacked(data), done)
    if told["runs"] is not None:
        session.runs = state.load_runs(server, told["runs"], connections)
    if told["hooks"]:
        from sesh.daemon.hooks import Hooks

        session.hooks = Hooks(session)
        session.hooks.resume(dict(told["hooks"]))
    if told["draft"] is not None:
        session.draft = TypedLine()
        _put(session.draft, told["draft"])
    if told["feed"] is not None:
        _resume_feed(server, connections, told["feed"])
    for at, asked, left, conditions in told["waits"]:
        session.waiting().add(connections[at], asked, timeout=left, **conditions)
    _set_timers(server, told)
    return server, connections


def _set_timers(server: Server, told: dict[str, Any]) -> None:
    """What is due later: all that output, or a frame, would not set again by itself."""
    session = server.session
    for client in session.clients.all:
        server.pump.hold(client)
    if any(client.mode == DRAWN for client in session.clients.all):
        session.timers.set("draw", 0, session.relay.draw)
    if told["checkpoint"] is not None:
        session.timers.set("checkpoint", told["checkpoint"], session.look)


def _connected(told: dict[str, Any]) -> Connection:
    connection = Connection(
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, told["descriptor"]), first=told["first"]
    )
    _put(connection, {word: told[word] for word in PEER})
    connection.decoder = protocol.Decoder(unpacked(told["unfinished"]))
    connection.data += unpacked(told["data"])
    connection.backlog += [(kind, unpacked(payload)) for kind, payload in told["backlog"]]
    connection.waits = dict(told["waits"])
    connection.queue(unpacked(told["out"]))
    connection.acknowledge(told["due"])
    if told["client"] is not None:
        connection.client = connection.reader = _attached(connection, dict(told["client"]))
    elif told["reader"] is not None:
        connection.reader = Reader(connection, 0)
    if connection.reader is not None:
        _put(connection.reader, told["reader"])
    return connection


def _attached(connection: Connection, told: dict[str, Any]) -> Client:
    replies = told.pop("replies")
    client = Client(connection, told["number"], {})
    _put(client, {**told, "size": tuple(told["size"])})
    _put(client.replies, {**replies, **{word: unpacked(replies[word]) for word in BYTES}})
    return client


def _done(server: Server, connections: list[Connection], awaited: list[Any] | None) -> Callable[[bool], None] | None:
    if awaited is None:
        return None
    kind, at, *rest = awaited
    client = connections[at].client
    if kind == "taken":
        return Taken(server.pump, client, *rest) if client is not None else None
    return Sent(server.session, connections[at], *rest)


def _resume_feed(server: Server, connections: list[Connection], told: dict[str, Any]) -> None:
    feed = server.session.stdin = StdinPipe(told["descriptor"])
    feed.received, feed.patience = told["received"], told["patience"]
    feed.feeder = connections[told["feeder"]] if told["feeder"] is not None else None
    data, asked, ends = told["waiting"]
    feed.resume(unpacked(data), asked, ends=ends)
    if told["left"] is not None:
        server.session.timers.set("feed", told["left"], server.close_feed)


def _put(thing: object, values: dict[str, Any]) -> None:
    for word, value in values.items():
        setattr(thing, word, value)
