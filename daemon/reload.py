"""`--reload`: the daemon's process executes another sesh, which takes over the session.

A trial comes first: the other sesh loads a snapshot of the session in a process of its own. Then the daemon asks its
peers to reconnect, and executes the other sesh. The snapshot, in a memory file, and the descriptors of the pty, the
listening socket and a job's stdin stay open over `exec`. Bytes that arrive meanwhile wait in the kernel.

Connections are not in the snapshot: their peers reconnect and send their positions. In the snapshot, bytes are base64.
Times are by `SteadyClock`, whose origin and step are in `clock`. Only `facts.deadline` is by the wall clock.

The other sesh may be of another version: `try_out` and `take_over`, and their arguments, must not change.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sesh import about, processes, protocol
from sesh.about import PROGRAM, __version__
from sesh.daemon.clients.connection import PeerConnection, Request
from sesh.daemon.clients.listener import Listener
from sesh.daemon.description import write_record
from sesh.daemon.phase import Phase, ProgramEnd
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Reading
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.errors import Busy, ExitCode, Refused
from sesh.measures import STEADY
from sesh.names import printable
from sesh.requests import ReloadAnswer
from sesh.stored import Facts

FORMAT = 8  # of the snapshot; a sesh refuses any other
Snapshot = dict[str, Any]


def snapshot_of(server: Server) -> Snapshot:
    """Return the snapshot of a session in which no `--run` is active."""
    session = server.session
    pump, clients, findings, events = session.pump, session.clients, session.findings, session.events
    for client in clients.all:
        session.model.snapshot(client.position)  # where its terminal continues
        clients.remember(client)
    left = session.timers.remaining("timeout")
    history = session.runs.history
    marks = findings.marks
    return {
        "format": FORMAT,
        "facts": {**session.facts, "ends_at": time.time() + left if left is not None else None},
        "clock": (STEADY.origin, STEADY.step),
        "size": clients.size,
        "log": (session.log.base, _text(session.log.bytes(session.log.base))),
        "model": session.model.dump(),
        "input": _text(pump.input.content()),
        "typed": pump.typed_line.dump(),
        "pump": (_text(pump.scanner.carry), pump.last_activity, pump.sent_at, pump.reading.value),
        "title": (findings.title, findings.titled_by),
        "end": asdict(session.life.end),
        "phase": session.life.phase.value,
        "clients": (clients.last_number, list(clients.departed.items())),
        "missed": vars(events.missed),
        "events": (events.last, events.after(0)),
        "history": (history.count, [(entry, _text(output)) for entry, output in history.entries], history.answers),
        "marks": (marks.begun, marks.number),
        "activity": session.activity.dump(),
        "texts": list(server.requests.typing.outcomes.items()),
        "faults": session.faults.lines(),
        "hooks": list(session.notifications.running),
        "listener": server.listener.dump(),
        "pty": (pump.pty.descriptor, pump.pty.slave) if pump.pty is not None and pump.pty.descriptor >= 0 else None,
        # The feeder sends bytes again that the pipe has not taken, because they were not acknowledged.
        "stdin": (pump.stdin.descriptor, pump.stdin.received - len(pump.stdin.waiting)) if pump.stdin else None,
    }


def session_of(state: Snapshot, *, with_descriptors: bool = True) -> Session:
    """Return the session of a snapshot. Raises ValueError for another format, KeyError or TypeError if malformed."""
    if state.get("format") != FORMAT:
        raise ValueError(f"a session of format {state.get('format')}, not {FORMAT}")
    STEADY.origin, STEADY.step = state["clock"]
    facts: Facts = state["facts"]
    if facts["ends_at"] is not None:
        facts["ends_at"] += STEADY.now() - time.time()
    columns, rows, width, height = state["size"]
    pty = Pty(state["pty"][0], state["pty"][1], facts["pid"]) if state["pty"] is not None and with_descriptors else None
    session = Session(facts, (columns, rows, width, height), pty)
    pump, clients, findings = session.pump, session.clients, session.findings
    session.log.restore(state["log"][0], a2b_base64(state["log"][1]))
    session.model.restore(state["model"])
    session.life.end = ProgramEnd(**state["end"])
    session.life.become(Phase(state["phase"]))
    findings.title, findings.titled_by = state["title"]
    carry, pump.last_activity, pump.sent_at, reading = state["pump"]
    pump.scanner.carry, pump.reading = a2b_base64(carry), Reading(reading)
    pump.typed_line.restore(*state["typed"])
    if state["input"]:
        pump.input.add("handover", a2b_base64(state["input"]))
    if state["stdin"] is not None and with_descriptors:
        pump.stdin = StdinPipe(state["stdin"][0], session.loop)
        pump.stdin.received = state["stdin"][1]
    clients.last_number = state["clients"][0]
    clients.departed.update((token, (number, raw)) for token, (number, raw) in state["clients"][1])
    vars(session.events.missed).update(state["missed"])
    session.events.restore(*state["events"])
    count, entries, answers = state["history"]
    session.runs.history.restore(count, [(entry, a2b_base64(output)) for entry, output in entries])
    session.runs.history.answers.update(answers)
    session.findings.marks.begun, session.findings.marks.number = state["marks"]
    session.activity.restore(state["activity"])
    session.faults.restore(state["faults"])
    session.notifications.running.update(state["hooks"])
    return session


def _descriptors(state: Snapshot) -> list[int]:
    numbers = [state["listener"][0], *(state["stdin"] or ())[:1], *(state["pty"] or ())]
    return [number for number in numbers if number >= 0]


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


POLL = 0.01  # seconds between two steps
TRIAL_TIMEOUT = 20.0  # seconds for the trial and for pending requests; then the reload is refused
FEEDER_TIMEOUT = 10.0  # seconds for a job's feeder to reconnect; then the job's stdin is closed
_PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.reload import {entry} as go; go({memory}, {caller!r})"
Caller = tuple[int, int]  # the descriptor of the connection that asked, -1 if closed; the number of its request


def begin(server: Server, request: Request[ReloadAnswer], python: str, path: list[str]) -> None:
    """Start a reload; the other sesh answers the request. Raises Busy, Refused.

    `python`, `path`: the other sesh's interpreter and module search path.
    """
    timers = server.session.timers
    steps = _Reload(server, request, python, path).steps()
    if timers.is_set("reload"):
        raise _busy(server, "is being reloaded")

    def next_step() -> None:
        try:
            next(steps)
            timers.set("reload", POLL, next_step)
        except Exception as error:
            server.requests.fail(request, error)

    next(steps)
    timers.set("reload", POLL, next_step)


def _busy(server: Server, reason: str) -> Busy:
    return Busy(f"{server.session.name} {reason}; try again later", exit_code=ExitCode.FAILED)


@dataclass
class _Reload:
    server: Server
    request: Request[ReloadAnswer]
    python: str
    path: list[str]

    def steps(self) -> Iterator[None]:
        """Yield after each step; the last step executes the other sesh. Raises Busy, Refused."""
        self._check_reloadable()
        deadline = time.monotonic() + TRIAL_TIMEOUT
        yield from self._try_out(deadline)
        while self.server.requests.pending:
            if time.monotonic() > deadline:
                raise _busy(self.server, "is receiving a text")
            yield
        self._check_reloadable()
        self._execute()

    def _check_reloadable(self) -> None:
        session = self.server.session
        if session.life.phase not in (Phase.RUNNING, Phase.KEPT):
            raise _busy(self.server, "is ending")
        if session.runs.all_runs():
            raise _busy(self.server, "runs a command of --run")

    def _try_out(self, deadline: float) -> Iterator[None]:
        with _in_memory(b"") as report, _in_memory(protocol.encode(snapshot_of(self.server))) as memory:
            try:
                trial = subprocess.Popen(
                    self._command("try_out", 0, (-1, 0)), stdin=memory, stdout=subprocess.DEVNULL, stderr=report
                )
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise self._refusal(f"cannot execute {printable(self.python)}: {why}") from error
            with trial:
                try:
                    while trial.poll() is None and time.monotonic() < deadline:
                        yield
                finally:
                    timed_out = trial.poll() is None
                    if timed_out:
                        trial.kill()
            if trial.returncode:
                lines = os.pread(report, 1 << 20, 0).decode("utf-8", "replace").strip().split("\n")
                why = "it took too long" if timed_out else printable(lines[-1][:1000]) or "it died"
                raise self._refusal(f"the new version cannot take over ({why})")

    def _refusal(self, why: str) -> Refused:
        return Refused(f"{why}; {self.server.session.name} goes on unchanged")

    def _command(self, entry: str, memory: int, caller: Caller) -> list[str]:
        program = _PROGRAM.format(path=self.path, entry=entry, memory=memory, caller=caller)
        return [self.python, "-I", "-c", program]

    def _execute(self) -> None:
        """Ask all peers to reconnect, and execute the other sesh. Raises Refused if that fails."""
        server, caller = self.server, self.request.connection
        answering = -1 if caller.closed else caller.descriptor
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        inherited = list[int]()
        try:
            for connection in server.connections.values():  # send answers first: a peer without one repeats its request
                if connection is not caller:
                    connection.queue(protocol.frame(protocol.RELOADED))
                connection.flush()
            snapshot = snapshot_of(server)
            with _in_memory(protocol.encode(snapshot)) as memory:
                inherited = [memory, *_descriptors(snapshot), *([answering] if answering >= 0 else [])]
                for descriptor in inherited:
                    os.set_inheritable(descriptor, True)
                os.execv(self.python, self._command("take_over", memory, (answering, self.request.number)))
        except OSError as error:
            for descriptor in inherited[1:]:
                os.set_inheritable(descriptor, False)
            raise self._refusal(f"cannot execute {self.python}: {error.strerror}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _in_memory(data: bytes) -> Iterator[int]:
    """Yield the descriptor of an unnamed file that contains `data`. Raises OSError."""
    in_memory = hasattr(os, "memfd_create")
    with open(os.memfd_create("sesh"), "w+b") if in_memory else tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


# -- in the other sesh


def _read(memory: int) -> Snapshot:
    with open(memory, "rb") as file:
        return protocol.parse(file.read())


def try_out(memory: int, _caller: Caller) -> None:
    """Load a snapshot without its descriptors; any exception fails the trial."""
    session = session_of(_read(memory), with_descriptors=False)
    session.model.catch_up()


def take_over(memory: int, caller: Caller) -> None:
    """Answer the request `reload`, then serve the session of a snapshot to its end; never return."""
    state = _read(memory)
    for descriptor in _descriptors(state):
        os.set_inheritable(descriptor, False)
    session = session_of(state)
    listener = Listener.adopt(session.name, *state["listener"])
    server = Server(session, listener, None, begin)
    server.requests.typing.outcomes.update(state["texts"])
    if session.pump.stdin is not None:
        session.timers.set("stdin", FEEDER_TIMEOUT, session.pump.stdin.close)
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
        answer: ReloadAnswer = {"name": session.name, "version": __version__}
        connection.respond(number, answer)
    server.begin()
    server.run()
    os._exit(0)
