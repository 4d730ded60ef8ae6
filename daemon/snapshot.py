"""The snapshot of a session, with which another sesh takes over.

Connections are not in the snapshot: their peers reconnect and send their positions.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Annotated, Any, TypedDict

from sesh import check, protocol
from sesh.daemon.activity.activity import Kept
from sesh.daemon.clients.client import Departed
from sesh.daemon.events import Missed
from sesh.daemon.phase import Phase, ProgramEnd
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Reading, Writer
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.pty.typed_line import TypedLine
from sesh.daemon.screen.model import ModelState
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.command_marks import Begun
from sesh.daemon.shell.history import History
from sesh.daemon.timer import Timer
from sesh.measures import STEADY, Size
from sesh.schema import Event
from sesh.stored import Facts

FORMAT = 10  # of the snapshot; a sesh refuses any other
Descriptor = Annotated[int, range(-1, 1 << 31)]
FileNumber = Annotated[int, range(1 << 64)]  # a device or an inode


@dataclass(frozen=True)
class Descriptors:
    """The descriptors that stay open; -1 if there is none."""

    listener: Descriptor
    master: Descriptor
    slave: Descriptor
    stdin: Descriptor

    def open(self) -> list[int]:
        return [number for number in vars(self).values() if number >= 0]


Attributes = TypedDict(
    "Attributes",
    {
        "life.phase": Phase,
        "life.end": ProgramEnd,
        "pump.reading": Reading,
        "pump.scanner.carry": bytes,
        "pump.typed_line": TypedLine,
        "pump.last_activity": float,
        "pump.sent_at": int | None,
        "clients.size": Size,
        "clients.last_number": int,
        "clients.departed": dict[str, Departed],
        "findings.title": str,
        "findings.titled_by": int,
        "findings.marks.begun": Begun | None,
        "runs.history": History,
        "events.kept": dict[str, list[Event]],
        "events.last": int,
        "events.missed": Missed,
        "notifications.running": list[int],
        "faults.kept": list[str],
    },
)
"""The attributes of a session that are kept as they are, by their paths."""


class Snapshot(TypedDict):
    """A session in which no `--run` is active."""

    format: int
    facts: Facts
    clock: dict[str, float]  # origin and step of `STEADY`
    log_base: int
    log: bytes
    model: ModelState
    unwritten: bytes
    activity: Kept
    attributes: Attributes
    texts: dict[str, str]  # `Typing.outcomes`
    descriptors: Descriptors
    socket_file: tuple[FileNumber, FileNumber]  # `Listener.identity`
    stdin_taken: int | None
    """The bytes of a job's stdin that its pipe has taken. The feeder sends later ones again: they have no answer."""


def snapshot_of(server: Server) -> Snapshot:
    session, listener = server.session, server.listener
    stdin, pty = session.pump.stdin, session.pump.pty
    for client in session.clients.all:
        session.model.remember(client.position)  # where its terminal continues
        session.clients.remember(client)
    left = session.timers.remaining(Timer.TIMEOUT)
    ends = (pty.descriptor, pty.slave) if pty is not None else (-1, -1)
    attributes: Any = {path: attrgetter(path)(session) for path in Attributes.__annotations__}
    return {
        "format": FORMAT,
        "facts": {**session.facts, "ends_at": STEADY.now() + left if left is not None else None},
        "clock": vars(STEADY),
        "log_base": session.log.base,
        "log": session.log.bytes(session.log.base),
        "model": session.model.dump(),
        "unwritten": session.pump.input.content(),
        "activity": session.activity.kept,
        "attributes": attributes,
        "texts": server.requests.typing.outcomes,
        "descriptors": Descriptors(listener.socket.fileno(), *ends, stdin.descriptor if stdin else -1),
        "socket_file": listener.identity,
        "stdin_taken": stdin.received - len(stdin.waiting) if stdin is not None else None,
    }


def session_of(state: Snapshot, *, with_descriptors: bool = True) -> Session:
    """Return the session of a snapshot."""
    vars(STEADY).update(state["clock"])
    facts, own = state["facts"], state["descriptors"]
    pty = Pty(own.master, own.slave, facts["pid"]) if own.master >= 0 and with_descriptors else None
    session = Session(facts, state["attributes"]["clients.size"], pty)
    session.log.restore(state["log_base"], state["log"])
    session.model.restore(state["model"])
    for path, value in state["attributes"].items():
        part, _, name = path.rpartition(".")
        setattr(attrgetter(part)(session), name, value)
    if state["unwritten"]:
        session.pump.input.add(Writer.REQUEST, state["unwritten"])
    if state["stdin_taken"] is not None and with_descriptors:
        session.pump.stdin = StdinPipe(own.stdin, session.loop)
        session.pump.stdin.received = state["stdin_taken"]
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
