"""The snapshot of a session, with which another sesh takes over.

Connections are not in the snapshot: their peers reconnect and send their positions.
"""

from __future__ import annotations

import json
import time
from binascii import b2a_base64
from enum import Enum
from operator import attrgetter
from typing import Annotated, Any, Optional, TypedDict

from sesh.daemon.activity.activity import ActivityMemory
from sesh.daemon.activity.notifications import Planned
from sesh.daemon.activity.screen_work import WorkState
from sesh.daemon.base.facts import Facts
from sesh.daemon.base.phase import Phase, ProgramEnd
from sesh.daemon.clients.client import LEADER_RETURNS, LostLeader, Returning
from sesh.daemon.clients.events import Missed
from sesh.daemon.pty.input_line import InputLine
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.screen.feed import FeedState
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.command_marks import Active
from sesh.daemon.shell.history import History
from sesh.schema import check, codec
from sesh.schema.facts import Event
from sesh.text.sizes import Size
from sesh.vt.queries import ScannerState
from sesh.wire.messages import SendResponse

FORMAT = 28  # of the snapshot; a sesh refuses any other
FileNumber = Annotated[int, range(1 << 64)]  # a device or an inode


PARTS: dict[str, Any] = {
    "activity.work.question": str,
    "activity.work.state": WorkState,
    "clients.last_number": int,
    "clients.returning": dict[str, Returning],
    "clients.lost": LostLeader,
    "events.kept": dict[str, list[Event]],
    "events.last": int,
    "events.missed": Missed,
    "faults.kept": list[str],
    "findings.title": str,
    "findings.titled_by": int,
    "findings.marks.active": Optional[Active],
    "life.phase": Phase,
    "life.end": ProgramEnd,
    "notifications.state": Planned,
    "pump.input_line": InputLine,
    "life.last_activity": float,
    "pump.scanner.state": ScannerState,
    "runs.history": History,
}
"""The attributes of a session's parts that are copied as they are, and their types."""


class Snapshot(TypedDict):
    """A session without active `run`."""

    format: int
    facts: Facts
    size: Size
    parts: dict[str, object]  # see `PARTS`
    log: tuple[int, bytes, int]  # base, content, and the mark of the last resize
    feed: FeedState
    activity: ActivityMemory
    unwritten: bytes  # input that the pty has not taken
    texts: dict[str, SendResponse]
    descriptors: dict[str, int]  # those that stay open; none in a trial
    socket_file: tuple[FileNumber, FileNumber]  # `Listener.identity`
    stdin_taken: int
    """The bytes of a job's stdin that its pipe has taken. The feeder sends later ones again: they have no response."""


def take_snapshot(server: Server, feed: FeedState) -> Snapshot:
    """Return the snapshot of this moment, with the screen of an earlier one: the log has the output since then."""
    session = server.session
    session.runs.history.shorten()
    for client in session.clients.all:
        session.clients.remember(client)
    if (leader := session.clients.leader) is not None:
        session.clients.lost = LostLeader(leader.used_at, time.monotonic() + LEADER_RETURNS)
    log = session.log
    pty = session.pump.pty
    stdin = session.pump.stdin
    listener = server.listener.socket.fileno()
    descriptors = {"listener": listener, "master": pty.descriptor, "slave": pty.slave, "stdin": stdin.descriptor}
    return {
        "format": FORMAT,
        "facts": session.facts,
        "size": session.clients.size,
        "parts": {path: attrgetter(path)(session) for path in PARTS},
        "log": (log.base, log.content(log.base), log.resized_at),
        "feed": feed,
        "activity": session.activity.kept,
        "unwritten": bytes(session.pump.unwritten),
        "texts": server.requests.typing.outcomes,
        "descriptors": {name: number for name, number in descriptors.items() if number >= 0},
        "socket_file": server.listener.identity,
        "stdin_taken": stdin.received - len(stdin.waiting),
    }


def session_of(state: Snapshot) -> Session:
    facts = state["facts"]
    own = state["descriptors"]
    pty = Pty(own.get("master", -1), own.get("slave", -1), facts.pid)
    session = Session(facts, state["size"], pty, state["activity"].declared.reports)
    for path, value in state["parts"].items():
        part, _, name = path.rpartition(".")
        setattr(attrgetter(part)(session), name, value)
    base, output, session.log.resized_at = state["log"]
    session.log.restore(base, output)
    for returning in session.clients.returning.values():
        if returning.place is not None:
            session.log.places.append(returning.place)
            session.log.leave(returning.place)
    session.feed.restore(state["feed"])
    session.pump.unwritten += state["unwritten"]
    session.pump.stdin = StdinPipe(own.get("stdin", -1))
    session.pump.stdin.received = state["stdin_taken"]
    session.activity.kept = state["activity"]
    return session


def encoded(snapshot: Snapshot) -> bytes:
    return json.dumps(snapshot, default=_plain).encode()


def _plain(value: Any) -> object:
    if isinstance(value, bytes):
        return {"$bytes": b2a_base64(value, newline=False).decode("ascii")}
    if isinstance(value, set):
        return sorted(value)
    return value.value if isinstance(value, Enum) else vars(value)


def decoded(memory: int) -> Snapshot:
    """Return the snapshot in a file. Raises ValueError for another format, Malformed for other types."""
    with open(memory, "rb") as file:
        values = codec.parse(file.read())
    if values.get("format") != FORMAT:
        raise ValueError(f"a session of format {values.get('format')}, not {FORMAT}")
    snapshot: Snapshot = check.checked_here(Snapshot, values)
    parts = snapshot["parts"]
    snapshot["parts"] = {path: check.checked_here(kind, parts.get(path)) for path, kind in PARTS.items()}
    return snapshot
