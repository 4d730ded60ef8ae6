"""The snapshot of a session, with which another sesh takes over.

Connections are not in the snapshot: their peers reconnect and send their positions.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from enum import Enum
from typing import Annotated, Any, TypedDict

from sesh.daemon.activity.activity import ActivityMemory
from sesh.daemon.activity.notifications import Planned
from sesh.daemon.base.facts import Facts
from sesh.daemon.base.phase import LifecycleState
from sesh.daemon.clients.client import ClientsState
from sesh.daemon.clients.events import EventsState
from sesh.daemon.clients.focus import Focus
from sesh.daemon.frames.findings import FindingsState
from sesh.daemon.frames.query_router import DueReply
from sesh.daemon.pty.output_log import LogState
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import PumpState
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.screen.feed import FeedState
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.history import History
from sesh.daemon.shell.marked_shells import MarkedShell
from sesh.schema import check, codec
from sesh.system.clock import STEADY
from sesh.wire.messages import SendResponse

FORMAT = 30  # of the snapshot; a sesh refuses any other
FileNumber = Annotated[int, range(1 << 64)]  # a device or an inode


class Times(TypedDict):
    """When output and lines came: `Timeline.packed`, since so many pairs would be too many values of JSON."""

    output: bytes
    lines: bytes


class _Snapshot(TypedDict):
    format: int
    facts: Facts
    life: LifecycleState
    faults: list[str]
    log: LogState
    pump: PumpState
    feed: FeedState
    clients: ClientsState
    events: EventsState
    notifications: Planned
    activity: ActivityMemory
    runs: History
    findings: FindingsState
    queries: list[DueReply]
    texts: dict[str, SendResponse]
    descriptors: dict[str, int]  # those that stay open; none in a trial
    socket_file: tuple[FileNumber, FileNumber]  # `Listener.identity`
    stdin_taken: int
    """The bytes of a job's stdin that its pipe has taken. The feeder sends later ones again: they have no response."""


class Snapshot(_Snapshot, total=False):
    """A session without active `run`: the states of its parts, and what they do not have.

    `times`, `shells`, `focus`: missing in the snapshot of a version that does not know them.
    """

    times: Times
    shells: list[MarkedShell]
    focus: Focus  # what the program has heard


def take_snapshot(server: Server, feed: FeedState) -> Snapshot:
    """Return the snapshot of this moment, with the screen of an earlier one: the log has the output since then."""
    session = server.session
    session.history.shorten()
    pty = session.pump.pty
    stdin = session.pump.stdin
    listener = server.listener.socket.fileno()
    descriptors = {"listener": listener, "master": pty.descriptor, "slave": pty.slave, "stdin": stdin.descriptor}
    return {
        "format": FORMAT,
        "facts": session.facts,
        "life": session.life.state,
        "faults": session.faults.lines,
        "log": session.log.state,
        "pump": session.pump.state,
        "feed": feed,
        "clients": session.clients.state,
        "events": session.events.state,
        "notifications": session.notifications.state,
        "activity": session.activity.state,
        "runs": session.history,
        "findings": session.findings.state,
        "queries": session.queries.state,
        "texts": server.requests.typing.outcomes,
        "descriptors": {name: number for name, number in descriptors.items() if number >= 0},
        "socket_file": server.listener.identity,
        "stdin_taken": stdin.received - len(stdin.waiting),
        "times": {"output": session.log.times.packed, "lines": session.feed.emulator.times.packed},
        "shells": session.marked_shells.stack,
        "focus": session.focus.told,
    }


def session_of(snapshot: Snapshot) -> Session:
    """Return a session that goes on from a snapshot."""
    facts = snapshot["facts"]
    own = snapshot["descriptors"]
    pty = Pty(own.get("master", -1), own.get("slave", -1), facts.pid)
    program_status = snapshot["activity"].declared.program_status
    session = Session(facts, snapshot["clients"].size, pty, program_status, snapshot["runs"])
    session.life.state = snapshot["life"]
    session.faults.lines = snapshot["faults"]
    session.log.state = snapshot["log"]
    session.pump.state = snapshot["pump"]
    session.clients.state = snapshot["clients"]
    session.events.state = snapshot["events"]
    session.notifications.state = snapshot["notifications"]
    session.activity.state = snapshot["activity"]
    session.marked_shells.stack = snapshot.get("shells", [])
    session.focus.told = snapshot.get("focus", Focus.IN)
    session.findings.state = snapshot["findings"]
    session.queries.state = snapshot["queries"]
    for returning in session.clients.returning.values():
        if returning.place is not None:
            session.log.places.append(returning.place)
            session.log.leave(returning.place)
    session.feed.restore(snapshot["feed"])
    _restore_times(session, snapshot.get("times"))
    session.pump.stdin = StdinPipe(session.agenda, own.get("stdin", -1))
    session.pump.stdin.received = snapshot["stdin_taken"]
    return session


def _restore_times(session: Session, times: Times | None) -> None:
    """Set the times of output and lines; without them, all there is counts as this moment's."""
    emulator = session.feed.emulator
    if times is None:
        now = int(STEADY.wall_time(STEADY.now()))
        session.log.times.note(now, session.log.base)
        emulator.times.note(now, emulator.screen.scrollback.first)
    else:
        session.log.times.packed = times["output"]
        emulator.times.packed = times["lines"]


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
    return snapshot
