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
from sesh.daemon.base.phase import LifeDump
from sesh.daemon.clients.client import ClientsDump
from sesh.daemon.events import EventsDump
from sesh.daemon.findings import FindingsDump
from sesh.daemon.pty.output_log import LogDump
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import PumpDump
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.screen.model import ModelState
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.history import History
from sesh.measures import STEADY
from sesh.messages import SendResponse

FORMAT = 18  # of the snapshot; a sesh refuses any other
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


class Snapshot(TypedDict):
    """A session without active `--run`."""

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
    session.runs.history.shorten()
    for client in session.clients.all:
        session.model.remember(client.position)  # where its terminal continues
    stdin = session.pump.stdin
    return {
        "format": FORMAT,
        "facts": session.facts,
        "clock": Clock(STEADY.origin, STEADY.step),
        "life": session.life.dump(),
        "log": session.log.dump(),
        "pump": session.pump.dump(),
        "model": session.model.dump(),
        "clients": session.clients.dump(),
        "findings": session.findings.dump(),
        "activity": session.activity.kept,
        "events": session.events.dump(),
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
    session.life.restore(state["life"])
    session.log.restore(state["log"].base, state["log"].data)
    session.pump.restore(state["pump"])
    session.model.restore(state["model"])
    session.clients.restore(state["clients"])
    session.findings.restore(state["findings"])
    session.events.restore(state["events"])
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
