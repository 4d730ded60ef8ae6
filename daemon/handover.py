"""A daemon as plain data: its session, its descriptors, and everybody who is connected to it.

What is handed over is taken over (`takeover`) by another process image of the same pid, maybe of a newer sesh: `FORMAT`
changes with the shape, and a newer sesh goes on reading the older ones. This side is loaded in time: when it is needed,
its file may be the newer sesh's already.
"""

from __future__ import annotations

from sesh.daemon import state
from sesh.daemon.attachment import Attachment
from sesh.daemon.program import Taken
from sesh.daemon.replies import Replies
from sesh.daemon.state import packed
from sesh.daemon.verbs import Sent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.daemon.peer import Peer
    from sesh.daemon.server import Server
    from sesh.daemon.session import Session

    Handover = dict[str, Any]

FORMAT = 1
_CLIENT = tuple(word for word in Attachment.__slots__ if word not in ("replies", "view"))
PEER = ("descriptor", "first", "role", "closing", "touched", "owed")
BYTES = ("_begun",)
"""Words of `Replies` that are bytes."""


def dump(server: Server) -> Handover:
    """All of a daemon that is not about to end, and no shell of which is just told of a command; peers that have gone
    are dropped.
    """
    session = server.session
    for peer in [each for each in server.peers.values() if each.closed]:
        server.drop(peer)
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
        "runs": session.runs.kept(places) if session.runs is not None else None,
        "hooks": list(session.hooks.kept().items()) if session.hooks is not None else [],
        "draft": _slots(session.draft, session.draft.__slots__) if session.draft is not None else None,
        "journal": session.journal.lines(),
        "checkpoint": session.timers.left("checkpoint"),
    }


def descriptors(told: Handover) -> list[int]:
    """The descriptors that a handover speaks of."""
    found = [each["descriptor"] for each in told["peers"]]
    for part in ("listener", "pty", "feed"):
        if told[part] is not None:
            found += [told[part][key] for key in ("descriptor", "other") if told[part].get(key, -1) >= 0]
    return found


def _peer(peer: Peer) -> dict[str, Any]:
    out, due = peer.kept()
    reader, client = peer.reader, peer.attachment
    return {
        **_slots(peer, PEER),
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
    return {**_slots(client, _CLIENT), "replies": {**replies, **{word: packed(replies[word]) for word in BYTES}}}


def _awaited(done: Callable[[bool], None] | None, places: dict[Peer, int]) -> list[Any] | None:
    """Who waits for a unit of input to be taken in."""
    if isinstance(done, Taken) and done.client.peer in places:
        return ["taken", places[done.client.peer], done.number, done.size]
    if isinstance(done, Sent) and done.peer in places:
        return ["sent", places[done.peer], done.asked, done.position]
    return None


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


def _slots(thing: object, words: tuple[str, ...]) -> dict[str, Any]:
    return {word: getattr(thing, word) for word in words}
