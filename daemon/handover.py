"""A daemon as plain data, and back: its session, its descriptors, and everybody who is connected to it.

What is handed over is read by another process image of the same pid, maybe of a newer sesh: `FORMAT` changes with the
shape, and a newer sesh goes on reading the older ones.
"""

from __future__ import annotations

import base64
from _socket import AF_UNIX, SOCK_STREAM, socket

from sesh import protocol
from sesh.daemon import state
from sesh.daemon.attachment import DRAWN, Attachment
from sesh.daemon.draft import Draft
from sesh.daemon.feed import Feed
from sesh.daemon.listener import Listener
from sesh.daemon.peer import Peer, Reader
from sesh.daemon.program import Taken
from sesh.daemon.pty import Pty
from sesh.daemon.replies import Replies
from sesh.daemon.server import Server
from sesh.daemon.state import packed
from sesh.daemon.verbs import Sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.daemon.session import Session

    Handover = dict[str, Any]

FORMAT = 1
_CLIENT = tuple(word for word in Attachment.__slots__ if word not in ("replies", "view"))
_PEER = ("descriptor", "first", "role", "closing", "touched", "owed")
_BYTES = ("_begun",)
"""Words of `Replies` that are bytes."""


def dump(server: Server) -> Handover:
    """All of a daemon in which no end and no run is under way; peers that have gone are dropped."""
    session = server.session
    for peer in [each for each in server.peers.values() if each.closed]:
        server.drop(peer)
    runs = session.runs.kept() if session.runs is not None else None
    if runs is not None:
        runs["past"] = [[facts, packed(output)] for facts, output in runs["past"]]
        runs["_between"] = packed(runs["_between"])
    pty = session.pty
    places = {peer: at for at, peer in enumerate(server.peers.values())}
    last, events, readers = session.events.kept()
    return {
        "format": FORMAT,
        "session": {**state.dump(session), "input": []},
        "units": [
            [writer, packed(bytes(data)), _awaited(done, places)] for writer, data, done in session.input.units()
        ],
        "listener": server.listener.state(),
        "pty": pty.state() if pty is not None and pty.descriptor >= 0 else None,
        "open": server.program.open,
        "feed": _feed(session, places),
        "agent": server.agent,
        "done": server.ending.done,
        "peers": [_peer(peer) for peer in server.peers.values()],
        "turns": [session.clients.turn, session.clients.numbers],
        "attached": [places[client.peer] for client in session.clients.all],
        "followers": [places[each.peer] for each in session.relay.followers],
        "events": [last, events, [[places[peer], seen] for peer, seen in readers.items() if peer in places]],
        "waits": _waits(session, places),
        "runs": runs,
        "hooks": list(session.hooks.kept().items()) if session.hooks is not None else [],
        "draft": _slots(session.draft, Draft.__slots__) if session.draft is not None else None,
        "journal": session.journal.lines(),
        "checkpoint": session.timers.left("checkpoint"),
    }


def load(told: Handover) -> tuple[Server, list[Peer]]:
    """The daemon that `dump` told of, on descriptors that this process has, and its peers in their order.

    Raises ValueError for another format, KeyError and TypeError for what is none.
    """
    if told.get("format") != FORMAT:
        raise ValueError(f"a handover of format {told.get('format')}, not {FORMAT}")
    session = state.load(told["session"], Pty(None, told["pty"]) if told["pty"] is not None else None)
    server = Server(session, Listener.adopt(told["listener"]), None, told["agent"])
    server.program.open, server.ending.done = told["open"], told["done"]
    peers = [_connected(each) for each in told["peers"]]
    for peer in peers:
        server.admit(peer)
    session.clients.turn, session.clients.numbers = told["turns"]
    session.clients.all += [client for at in told["attached"] if (client := peers[at].attachment) is not None]
    session.relay.followers += [reader for at in told["followers"] if (reader := peers[at].reader) is not None]
    last, events, readers = told["events"]
    session.events.resume(last, events, {peers[at]: seen for at, seen in readers})
    session.journal.resume(told["journal"])
    for writer, data, awaited in told["units"]:
        done = _done(server, peers, awaited)
        session.input.add(tuple(writer) if isinstance(writer, list) else writer, base64.b64decode(data), done)
    if told["runs"] is not None:
        _resume_runs(server, told["runs"])
    if told["hooks"]:
        from sesh.daemon.hooks import Hooks

        session.hooks = Hooks(session)
        session.hooks.resume(dict(told["hooks"]))
    if told["draft"] is not None:
        session.draft = Draft()
        _put(session.draft, told["draft"])
    if told["feed"] is not None:
        _resume_feed(server, peers, told["feed"])
    for at, asked, left, conditions in told["waits"]:
        session.waiting().add(peers[at], asked, timeout=left, **conditions)
    _set_timers(server, told)
    return server, peers


def descriptors(told: Handover) -> list[int]:
    """The descriptors that a handover speaks of."""
    found = [each["descriptor"] for each in told["peers"]]
    for part in ("listener", "pty", "feed"):
        if told[part] is not None:
            found += [told[part][key] for key in ("descriptor", "other") if told[part].get(key, -1) >= 0]
    return found


def _set_timers(server: Server, told: Handover) -> None:
    """What is due later: all that output, or a frame, would not set again by itself."""
    session = server.session
    for client in session.clients.all:
        server.program.hold(client)
    if any(client.mode == DRAWN for client in session.clients.all):
        session.timers.set("draw", 0, session.relay.draw)
    if told["checkpoint"] is not None:
        session.timers.set("checkpoint", told["checkpoint"], session.look)


# -- connections


def _peer(peer: Peer) -> dict[str, Any]:
    out, due = peer.kept()
    reader, client = peer.reader, peer.attachment
    return {
        **_slots(peer, _PEER),
        "unfinished": packed(peer.decoder.unfinished),
        "data": packed(bytes(peer.data)),
        "backlog": [[kind, packed(payload)] for kind, payload in peer.backlog],
        "waits": [[asked, wanted] for asked, wanted in peer.waits.items()],
        "out": packed(out),
        "due": due,
        "reader": _slots(reader, ("position", "skipped")) if reader is not None else None,
        "client": _client(client) if client is not None else None,
    }


def _client(client: Attachment) -> dict[str, Any]:
    replies = _slots(client.replies, Replies.__slots__)
    return {**_slots(client, _CLIENT), "replies": {**replies, **{word: packed(replies[word]) for word in _BYTES}}}


def _connected(told: dict[str, Any]) -> Peer:
    peer = Peer(socket(AF_UNIX, SOCK_STREAM, 0, told["descriptor"]), first=told["first"])
    _put(peer, {word: told[word] for word in _PEER})
    peer.decoder = protocol.Decoder(base64.b64decode(told["unfinished"]))
    peer.data += base64.b64decode(told["data"])
    peer.backlog += [(kind, base64.b64decode(payload)) for kind, payload in told["backlog"]]
    peer.waits = dict(told["waits"])
    peer.queue(base64.b64decode(told["out"]))
    peer.acknowledge(told["due"])
    if told["client"] is not None:
        peer.attachment = peer.reader = _attached(peer, dict(told["client"]))
    elif told["reader"] is not None:
        peer.reader = Reader(peer, 0)
    if peer.reader is not None:
        _put(peer.reader, told["reader"])
    return peer


def _attached(peer: Peer, told: dict[str, Any]) -> Attachment:
    replies = told.pop("replies")
    client = Attachment(peer, told["number"], {})
    _put(client, {**told, "size": tuple(told["size"])})
    _put(client.replies, {**replies, **{word: base64.b64decode(replies[word]) for word in _BYTES}})
    return client


# -- what waits for something


def _awaited(done: Callable[[bool], None] | None, places: dict[Peer, int]) -> list[Any] | None:
    """Who waits for a unit of input to be taken in."""
    if isinstance(done, Taken) and done.client.peer in places:
        return ["taken", places[done.client.peer], done.number, done.size]
    if isinstance(done, Sent) and done.peer in places:
        return ["sent", places[done.peer], done.asked, done.position]
    return None


def _done(server: Server, peers: list[Peer], awaited: list[Any] | None) -> Callable[[bool], None] | None:
    if awaited is None:
        return None
    kind, at, *rest = awaited
    client = peers[at].attachment
    if kind == "taken":
        return Taken(server.program, client, *rest) if client is not None else None
    return Sent(server.session, peers[at], *rest)


def _waits(session: Session, places: dict[Peer, int]) -> list[list[Any]]:
    if session.waits is None:
        return []
    return [
        [
            places[wait.peer],
            wait.asked,
            session.timers.left(("wait", wait.asked, wait.peer.descriptor)),
            {"prompt": wait.prompt, "idle": wait.idle, "since": wait.since},
        ]
        for wait in session.waits.all
        if wait.pending and wait.peer in places
    ]


def _feed(session: Session, places: dict[Peer, int]) -> dict[str, Any] | None:
    feed = session.feed
    if feed is None:
        return None
    waiting, asked, ends = feed.kept()
    return {
        **_slots(feed, ("descriptor", "received", "patience")),
        "feeder": places.get(feed.feeder) if feed.feeder is not None else None,
        "waiting": [packed(waiting), asked, ends],
        "left": session.timers.left("feed"),
    }


def _resume_feed(server: Server, peers: list[Peer], told: dict[str, Any]) -> None:
    feed = server.session.feed = Feed(told["descriptor"])
    feed.received, feed.patience = told["received"], told["patience"]
    feed.feeder = peers[told["feeder"]] if told["feeder"] is not None else None
    data, asked, ends = told["waiting"]
    feed.resume(base64.b64decode(data), asked, ends=ends)
    if told["left"] is not None:
        server.session.timers.set("feed", told["left"], server.close_feed)


def _resume_runs(server: Server, told: dict[str, Any]) -> None:
    from sesh.daemon.runs import Runs

    server.session.runs = Runs(server.session, server.program)
    past = [(facts, base64.b64decode(output)) for facts, output in told["past"]]
    server.session.runs.resume({**told, "past": past, "_between": base64.b64decode(told["_between"])})


def _slots(thing: object, words: tuple[str, ...]) -> dict[str, Any]:
    return {word: getattr(thing, word) for word in words}


def _put(thing: object, values: dict[str, Any]) -> None:
    for word, value in values.items():
        setattr(thing, word, value)
