"""The snapshot of a session, with which another sesh takes over.

Connections are not in the snapshot: their peers reconnect and send their positions.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, TypedDict

from sesh import check, protocol
from sesh.daemon.activity.activity import Kept
from sesh.daemon.base.facts import Facts
from sesh.daemon.base.phase import Phase, ProgramEnd
from sesh.daemon.clients.client import Departed
from sesh.daemon.events import Missed
from sesh.daemon.pty.output_log import LogDump
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import PumpDump
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.screen.model import ModelState
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.command_marks import Active
from sesh.daemon.shell.history import History
from sesh.measures import STEADY, Size
from sesh.messages import SendResponse
from sesh.schema import Event

FORMAT = 20  # of the snapshot; a sesh refuses any other
Descriptor = Annotated[int, range(-1, 1 << 31)]
FileNumber = Annotated[int, range(1 << 64)]  # a device or an inode


@dataclass(frozen=True)
class Descriptors:
    """The descriptors that stay open; -1 for none, and always in a trial."""

    listener: Descriptor = -1
    master: Descriptor = -1
    slave: Descriptor = -1
    stdin: Descriptor = -1

    @classmethod
    def of(cls, server: Server) -> Descriptors:
        pty = server.session.pump.pty
        stdin = server.session.pump.stdin
        return cls(
            listener=server.listener.socket.fileno(),
            master=pty.descriptor if pty is not None else -1,
            slave=pty.slave if pty is not None else -1,
            stdin=stdin.descriptor if stdin is not None else -1,
        )

    def open(self) -> list[int]:
        return [number for number in vars(self).values() if number >= 0]


@dataclass(frozen=True)
class Clock:
    """The two numbers of `STEADY`, whose times are in the other parts."""

    origin: float
    step: float


@dataclass(frozen=True)
class LifeDump:
    """The attributes of `Life` that a snapshot has; below, those of other parts."""

    phase: Phase
    end: ProgramEnd


@dataclass(frozen=True)
class ClientsDump:
    size: Size
    last_number: int
    departed: dict[str, Departed]


@dataclass(frozen=True)
class FindingsDump:
    title: str
    titled_by: int
    active: Active | None  # of its `marks`


@dataclass(frozen=True)
class EventsDump:
    kept: dict[str, list[Event]]
    last: int
    missed: Missed


class Snapshot(TypedDict):
    """A session without active `run`."""

    format: int
    facts: Facts
    clock: Clock
    life: LifeDump
    log: LogDump
    pump: PumpDump
    model: ModelState
    clients: ClientsDump
    findings: FindingsDump
    activity: Kept
    events: EventsDump
    history: History
    notifiers: list[int]
    faults: list[str]
    texts: dict[str, SendResponse]
    descriptors: Descriptors
    socket_file: tuple[FileNumber, FileNumber]  # `Listener.identity`
    stdin_taken: int | None
    """The bytes of a job's stdin that its pipe has taken. The feeder sends later ones again: they have no response."""


def take_snapshot(server: Server) -> Snapshot:
    session = server.session
    findings, events, clients = session.findings, session.events, session.clients
    session.runs.history.shorten()
    for client in clients.all:
        clients.remember(client)
        session.model.remember(client.position)  # where its terminal continues
    stdin = session.pump.stdin
    return {
        "format": FORMAT,
        "facts": session.facts,
        "clock": Clock(STEADY.origin, STEADY.step),
        "life": LifeDump(session.life.phase, session.life.end),
        "log": session.log.dump(),
        "pump": session.pump.dump(),
        "model": session.model.dump(),
        "clients": ClientsDump(clients.size, clients.last_number, clients.departed),
        "findings": FindingsDump(findings.title, findings.titled_by, findings.marks.active),
        "activity": session.activity.kept,
        "events": EventsDump(events.kept, events.last, events.missed),
        "history": session.runs.history,
        "notifiers": session.notifications.running,
        "faults": session.faults.kept,
        "texts": server.requests.typing.outcomes,
        "descriptors": Descriptors.of(server),
        "socket_file": server.listener.identity,
        "stdin_taken": stdin.received - len(stdin.waiting) if stdin is not None else None,
    }


def session_of(state: Snapshot) -> Session:
    STEADY.origin = state["clock"].origin
    STEADY.step = state["clock"].step
    facts = state["facts"]
    own = state["descriptors"]
    pty = Pty(own.master, own.slave, facts.pid) if own.master >= 0 else None
    session = Session(facts, state["clients"].size, pty, state["activity"].declared.reports)
    session.life.end = state["life"].end
    session.life.become(state["life"].phase)
    session.clients.size = state["clients"].size
    session.clients.last_number = state["clients"].last_number
    session.clients.departed = state["clients"].departed
    session.events.kept = state["events"].kept
    session.events.last = state["events"].last
    session.events.missed = state["events"].missed
    session.findings.title = state["findings"].title
    session.findings.titled_by = state["findings"].titled_by
    session.findings.marks.active = state["findings"].active
    session.log.restore(state["log"].base, state["log"].data)
    session.pump.restore(state["pump"])
    session.model.restore(state["model"])
    session.runs.history = state["history"]
    session.notifications.running = state["notifiers"]
    session.faults.kept = state["faults"]
    if state["stdin_taken"] is not None:
        session.pump.stdin = StdinPipe(own.stdin, session.loop)
        session.pump.stdin.received = state["stdin_taken"]
    session.activity.restore(state["activity"])
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
        values = protocol.parse(file.read())
    if values.get("format") != FORMAT:
        raise ValueError(f"a session of format {values.get('format')}, not {FORMAT}")
    snapshot: Snapshot = check.checked_here(Snapshot, values)
    return snapshot
