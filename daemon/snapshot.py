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
from sesh.daemon.pty.input_line import InputLine
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Writer
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.screen.model import ModelState
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.command_marks import Active
from sesh.daemon.shell.history import History
from sesh.measures import STEADY, Size
from sesh.messages import SendResponse
from sesh.schema import Event

FORMAT = 17  # of the snapshot; a sesh refuses any other
Descriptor = Annotated[int, range(-1, 1 << 31)]
FileNumber = Annotated[int, range(1 << 64)]  # a device or an inode


@dataclass(frozen=True)
class Descriptors:
    """The descriptors that stay open; -1 for none, and always in a trial."""

    listener: Descriptor = -1
    master: Descriptor = -1
    slave: Descriptor = -1
    stdin: Descriptor = -1

    def open(self) -> list[int]:
        return [number for number in vars(self).values() if number >= 0]


class Snapshot(TypedDict):
    """A session without active `--run`; a tuple has one part's attributes, see `session_of`."""

    format: int
    facts: Facts
    clock: tuple[float, float]
    life: tuple[Phase, ProgramEnd]
    log: tuple[int, bytes]
    pump: tuple[bytes, InputLine, float, bytes]
    model: ModelState
    clients: tuple[Size, int, dict[str, Departed]]
    findings: tuple[str, int, Active | None]
    activity: Kept
    events: tuple[dict[str, list[Event]], int, Missed]
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
    listener = server.listener
    life = session.life
    pump = session.pump
    clients = session.clients
    findings = session.findings
    events = session.events
    session.runs.history.shorten()
    for client in clients.all:
        session.model.remember(client.position)  # where its terminal continues
        clients.remember(client)
    stdin = pump.stdin
    pty = pump.pty
    ends = (pty.descriptor, pty.slave) if pty is not None else (-1, -1)
    return {
        "format": FORMAT,
        "facts": session.facts,
        "clock": (STEADY.origin, STEADY.step),
        "life": (life.phase, life.end),
        "log": (session.log.base, session.log.bytes(session.log.base)),
        "pump": (pump.scanner.carry, pump.input_line, pump.last_activity, pump.input.content()),
        "model": session.model.dump(),
        "clients": (clients.size, clients.last_number, clients.departed),
        "findings": (findings.title, findings.titled_by, findings.marks.active),
        "activity": session.activity.kept,
        "events": (events.kept, events.last, events.missed),
        "history": session.runs.history,
        "notifiers": session.notifications.running,
        "faults": session.faults.kept,
        "texts": server.requests.typing.outcomes,
        "descriptors": Descriptors(listener.socket.fileno(), *ends, stdin.descriptor if stdin else -1),
        "socket_file": listener.identity,
        "stdin_taken": stdin.received - len(stdin.waiting) if stdin is not None else None,
    }


def session_of(state: Snapshot) -> Session:
    STEADY.origin, STEADY.step = state["clock"]
    facts = state["facts"]
    own = state["descriptors"]
    pty = Pty(own.master, own.slave, facts.pid) if own.master >= 0 else None
    session = Session(facts, state["clients"][0], pty, state["activity"].declared.reports)
    life = session.life
    pump = session.pump
    clients = session.clients
    findings = session.findings
    events = session.events
    life.phase, life.end = state["life"]
    session.log.restore(*state["log"])
    pump.scanner.carry, pump.input_line, pump.last_activity, unwritten = state["pump"]
    session.model.restore(state["model"])
    clients.size, clients.last_number, clients.departed = state["clients"]
    findings.title, findings.titled_by, findings.marks.active = state["findings"]
    events.kept, events.last, events.missed = state["events"]
    session.runs.history = state["history"]
    session.notifications.running = state["notifiers"]
    session.faults.kept = state["faults"]
    if unwritten:
        pump.input.add(Writer.REQUEST, unwritten)
    if state["stdin_taken"] is not None:
        pump.stdin = StdinPipe(own.stdin, session.loop)
        pump.stdin.received = state["stdin_taken"]
    session.activity.restore(state["activity"])
    return session


def encoded(snapshot: Snapshot) -> bytes:
    return json.dumps(snapshot, default=_plain).encode()


def _plain(value: Any) -> object:
    if isinstance(value, bytes):
        return {"$bytes": b2a_base64(value, newline=False).decode("ascii")}
    return value.value if isinstance(value, Enum) else vars(value)


def decoded(memory: int) -> Snapshot:
    """Return the snapshot in a file. Raises ValueError for another format, Malformed for other types."""
    with open(memory, "rb") as file:
        values = protocol.parse(file.read())
    if values.get("format") != FORMAT:
        raise ValueError(f"a session of format {values.get('format')}, not {FORMAT}")
    snapshot: Snapshot = check.checked_here(Snapshot, values)
    return snapshot
