"""The other side of `handover`, in the new image: a daemon from plain data, on descriptors that came through `exec`.

`trial` and `adopt` are called by the image before, which may be of an older sesh: their names and words stay.
"""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_STREAM, socket, socketpair

from sesh import __version__, protocol
from sesh.daemon import handover, ongoing, state
from sesh.daemon.attachment import DRAWN, Attachment
from sesh.daemon.draft import Draft
from sesh.daemon.feed import Feed
from sesh.daemon.listener import Listener
from sesh.daemon.peer import Peer, Reader
from sesh.daemon.program import Taken
from sesh.daemon.pty import Pty
from sesh.daemon.reload import PASSED
from sesh.daemon.server import Server
from sesh.daemon.state import unpacked
from sesh.daemon.verbs import Sent
from sesh.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


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
    for place in [told["listener"], *told["peers"]]:
        kept.append(socketpair(AF_UNIX, SOCK_STREAM))
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
    server, peers = load(told)
    place, asked = told["asked"]
    if place is not None and failed:
        why = f"the other sesh could not take over ({failed}); {server.session.name} goes on as it was"
        peers[place].refuse(asked, "refused", why, int(ExitCode.FAILED))
    elif place is not None:
        peers[place].respond(asked, name=server.session.name, version=__version__)
    for descriptor in handover.descriptors(told):
        os.set_inheritable(descriptor, False)
    os.close(memory)
    server.session.journal.note(f"not reloaded: {failed}" if failed else f"reloaded as sesh {__version__}")

    def serve() -> None:
        server.guarded(server.session.write_record, "the record")
        server.run()
        os._exit(0)

    return serve


def load(told: dict[str, Any]) -> tuple[Server, list[Peer]]:
    """The daemon that `dump` told of, on descriptors that this process has, and its peers in their order.

    Raises ValueError for another format, KeyError and TypeError for what is none.
    """
    if told.get("format") != handover.FORMAT:
        raise ValueError(f"a handover of format {told.get('format')}, not {handover.FORMAT}")
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
        session.input.add(tuple(writer) if isinstance(writer, list) else writer, unpacked(data), done)
    if told["runs"] is not None:
        session.runs = ongoing.load(server, told["runs"], peers)
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


def _set_timers(server: Server, told: dict[str, Any]) -> None:
    """What is due later: all that output, or a frame, would not set again by itself."""
    session = server.session
    for client in session.clients.all:
        server.program.hold(client)
    if any(client.mode == DRAWN for client in session.clients.all):
        session.timers.set("draw", 0, session.relay.draw)
    if told["checkpoint"] is not None:
        session.timers.set("checkpoint", told["checkpoint"], session.look)


def _connected(told: dict[str, Any]) -> Peer:
    peer = Peer(socket(AF_UNIX, SOCK_STREAM, 0, told["descriptor"]), first=told["first"])
    _put(peer, {word: told[word] for word in handover.PEER})
    peer.decoder = protocol.Decoder(unpacked(told["unfinished"]))
    peer.data += unpacked(told["data"])
    peer.backlog += [(kind, unpacked(payload)) for kind, payload in told["backlog"]]
    peer.waits = dict(told["waits"])
    peer.queue(unpacked(told["out"]))
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
    _put(client.replies, {**replies, **{word: unpacked(replies[word]) for word in handover.BYTES}})
    return client


def _done(server: Server, peers: list[Peer], awaited: list[Any] | None) -> Callable[[bool], None] | None:
    if awaited is None:
        return None
    kind, at, *rest = awaited
    client = peers[at].attachment
    if kind == "taken":
        return Taken(server.program, client, *rest) if client is not None else None
    return Sent(server.session, peers[at], *rest)


def _resume_feed(server: Server, peers: list[Peer], told: dict[str, Any]) -> None:
    feed = server.session.feed = Feed(told["descriptor"])
    feed.received, feed.patience = told["received"], told["patience"]
    feed.feeder = peers[told["feeder"]] if told["feeder"] is not None else None
    data, asked, ends = told["waiting"]
    feed.resume(unpacked(data), asked, ends=ends)
    if told["left"] is not None:
        server.session.timers.set("feed", told["left"], server.close_feed)


def _put(thing: object, values: dict[str, Any]) -> None:
    for word, value in values.items():
        setattr(thing, word, value)
