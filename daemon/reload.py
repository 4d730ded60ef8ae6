"""`--reload`: the daemon's process executes another sesh, which takes over the session.

A trial comes first: the other sesh loads a snapshot of the session in a process of its own. Then the daemon asks its
peers to reconnect, and executes the other sesh. The snapshot, in a memory file, and the descriptors of the pty, the
listening socket and a job's stdin stay open over `exec`. Bytes that arrive meanwhile wait in the kernel.

Connections are not in the snapshot: their peers reconnect and send their positions.

The other sesh may be of another version: `try_out` and `take_over`, and their arguments, must not change.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Annotated, Any, BinaryIO, TypedDict

from sesh import about, check, processes, protocol
from sesh.about import PROGRAM, __version__
from sesh.daemon.activity.activity import Kept
from sesh.daemon.clients.client import Departed
from sesh.daemon.clients.connection import PeerConnection, Request
from sesh.daemon.clients.listener import Listener
from sesh.daemon.description import write_record
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
from sesh.errors import Busy, ExitCode, Refused
from sesh.measures import STEADY, Size
from sesh.names import printable
from sesh.schema import Event
from sesh.stored import Facts

FORMAT = 9  # of the snapshot; a sesh refuses any other
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
    """A session in which no `--run` is active.

    `clock`: origin and step of `STEADY`. `stdin_taken`: the bytes of a job's stdin that its pipe has taken; the feeder
    sends later ones again, because they were not acknowledged.
    """

    format: int
    facts: Facts
    clock: dict[str, float]
    log_base: int
    log: bytes
    model: ModelState
    unwritten: bytes
    activity: Kept
    attributes: Attributes
    texts: dict[str, str]
    descriptors: Descriptors
    socket_file: tuple[FileNumber, FileNumber]
    stdin_taken: int | None


def snapshot_of(server: Server) -> Snapshot:
    session, listener = server.session, server.listener
    stdin, pty = session.pump.stdin, session.pump.pty
    for client in session.clients.all:
        session.model.snapshot(client.position)  # where its terminal continues
        session.clients.remember(client)
    left = session.timers.remaining(Timer.TIMEOUT)
    ends = (pty.descriptor, pty.slave) if pty is not None else (-1, -1)
    attributes: Any = {path: attrgetter(path)(session) for path in Attributes.__annotations__}
    return {
        "format": FORMAT,
        "facts": {**session.facts, "deadline": STEADY.now() + left if left is not None else None},
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


def server_of(session: Session, state: Snapshot) -> Server:
    """Return the server of the session of a snapshot."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, state["descriptors"].listener)
    server = Server(session, Listener(session.name, listening, state["socket_file"]), None, begin)
    server.requests.typing.outcomes = state["texts"]
    return server


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


# -- in this sesh

POLL = 0.01  # seconds between two steps
TRIAL_TIMEOUT = 20.0  # seconds for the trial and for pending requests; then the reload is refused
FEEDER_TIMEOUT = 10.0  # seconds for a job's feeder to reconnect; then the job's stdin is closed
_PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.reload import {entry} as go; go({memory}, {caller!r})"
Caller = tuple[int, int]  # the descriptor of the connection that asked, -1 if closed; the number of its request


def begin(server: Server, request: Request, python: str, path: list[str]) -> None:
    """Start a reload; the other sesh answers the request. Raises Busy.

    `python`, `path`: the other sesh's interpreter and module search path.
    """
    timers = server.session.timers
    if timers.is_set(Timer.RELOAD):
        raise _busy(server, "is being reloaded")
    steps = _steps(server, request, python, path)

    def next_step() -> None:
        try:
            next(steps)
            timers.set(Timer.RELOAD, POLL, next_step)
        except Exception as error:
            server.requests.fail(request, error)

    next_step()


def _steps(server: Server, request: Request, python: str, path: list[str]) -> Iterator[None]:
    """Yield after each step; the last step executes the other sesh. Raises Busy, Refused."""
    deadline = time.monotonic() + TRIAL_TIMEOUT
    unchanged = f"{server.session.name} goes on unchanged"

    def program(entry: str, memory: int, caller: Caller) -> list[str]:
        return [python, "-I", "-c", _PROGRAM.format(path=path, entry=entry, memory=memory, caller=caller)]

    try:
        _check_reloadable(server)
        with memory_file(b"") as report, memory_file(encoded(snapshot_of(server))) as memory:
            words = program("try_out", 0, (-1, 0))
            with subprocess.Popen(words, stdin=memory, stdout=subprocess.DEVNULL, stderr=report) as trial:
                while trial.poll() is None and time.monotonic() < deadline:
                    yield
                timed_out = trial.poll() is None
                trial.kill()
            if trial.returncode:
                lines = os.pread(report.fileno(), 1 << 20, 0).decode("utf-8", "replace").strip().split("\n")
                why = "it took too long" if timed_out else printable(lines[-1][:1000]) or "it died"
                raise Refused(f"the new version cannot take over ({why}); {unchanged}")
        while server.requests.pending:
            if time.monotonic() > deadline:
                raise _busy(server, "is receiving a text")
            yield
        _check_reloadable(server)
        _execute(server, request, program)
    except (OSError, ValueError) as error:
        why = f"{error.strerror if isinstance(error, OSError) else error}"
        raise Refused(f"cannot execute {printable(python)}: {why}; {unchanged}") from error


def _busy(server: Server, reason: str) -> Busy:
    return Busy(f"{server.session.name} {reason}; try again later", exit_code=ExitCode.FAILED)


def _check_reloadable(server: Server) -> None:
    if server.session.life.phase not in (Phase.RUNNING, Phase.KEPT):
        raise _busy(server, "is ending")
    if server.session.runs.all_runs():
        raise _busy(server, "runs a command of --run")


def _execute(server: Server, request: Request, program: Callable[[str, int, Caller], list[str]]) -> None:
    """Ask all peers to reconnect, and execute the other sesh. Raises OSError if that fails."""
    caller = request.connection
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    inherited = [] if caller.closed else [caller.descriptor]
    try:
        for connection in server.connections.values():  # send answers first: a peer without one repeats its request
            if connection is not caller:
                connection.queue(protocol.frame(protocol.RELOADED))
            connection.flush()
        snapshot = snapshot_of(server)
        with memory_file(encoded(snapshot)) as memory:
            words = program("take_over", memory.fileno(), (-1 if caller.closed else caller.descriptor, request.number))
            inherited += snapshot["descriptors"].open()
            for descriptor in (memory.fileno(), *inherited):
                os.set_inheritable(descriptor, True)
            os.execv(words[0], words)
    finally:
        for descriptor in inherited:
            os.set_inheritable(descriptor, False)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def memory_file(data: bytes) -> BinaryIO:
    """Return an unnamed file that contains `data`. Raises OSError."""
    file = open(os.memfd_create("sesh"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()
    file.write(data)
    file.seek(0)
    return file


# -- in the other sesh


def try_out(memory: int, _caller: Caller) -> None:
    """Load a snapshot without its descriptors; any exception fails the trial."""
    session_of(decoded(memory), with_descriptors=False).model.catch_up()


def take_over(memory: int, caller: Caller) -> None:
    """Answer the request `reload`, then serve the session of a snapshot to its end; never return."""
    state = decoded(memory)
    for descriptor in state["descriptors"].open():
        os.set_inheritable(descriptor, False)
    session = session_of(state)
    server = server_of(session, state)
    if session.pump.stdin is not None:
        session.timers.set(Timer.STDIN, FEEDER_TIMEOUT, session.pump.stdin.close)
    session.checkpoints.soon()
    processes.set_process_title(f"{PROGRAM}: {session.name}")
    about.hold_package()
    session.faults.guard(lambda: write_record(session, durable=True), "the record")
    descriptor, number = caller
    if descriptor >= 0:
        connection = PeerConnection(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor))
        os.set_inheritable(descriptor, False)
        connection.role = "request"
        server.admit(connection)
        connection.respond(number, name=session.name, version=__version__)
    server.begin()
    server.run()
    os._exit(0)
