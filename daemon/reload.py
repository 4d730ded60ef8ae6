"""`--reload`: the process of a daemon executes another sesh, which continues with the session.

A trial comes first: the other sesh, in a process of its own, loads the session's record. Then all peers are told to
come back, and the process executes the other sesh with the record in memory that outlives `exec`, as the descriptors of
the pty, of the listening socket and of a job's stdin do. What comes meanwhile waits in the kernel.

Connections are not in the record: their peers come back, and say how far they have come. Bytes are base64. All moments
count by `SteadyClock`, whose origin and step are in `clock`; but `facts.deadline` is by the wall clock.

The sesh that is executed may be of another version: `try_out` and `take_over`, and their arguments, must not change.
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

from sesh import files, processes, protocol
from sesh.about import PROGRAM, __version__
from sesh.daemon.clients.connection import Connection, Request
from sesh.daemon.clients.listener import Listener
from sesh.daemon.description import write_record
from sesh.daemon.phase import Phase, ProgramEnd
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.errors import Busy, ExitCode, Refused
from sesh.measures import STEADY
from sesh.names import printable
from sesh.stored import Facts

FORMAT = 6  # the number of the record's format; a sesh refuses any other
Record = dict[str, Any]


def record_of(server: Server) -> Record:
    """Return the record of a session that has no `--run` under way."""
    session = server.session
    pump, clients, findings, events = session.pump, session.clients, session.findings, session.events
    for client in clients.all:
        session.model.mark(client.position)  # its terminal goes on from there
        clients.remember(client)
    left, history, marks = session.timers.remaining("timeout"), session.runs.history, findings.marks
    return {
        "format": FORMAT,
        "facts": {**session.facts, "deadline": time.time() + left if left is not None else None},
        "clock": (STEADY.origin, STEADY.step),
        "size": clients.size,
        "log": (session.log.base, _text(session.log.bytes(session.log.base))),
        "model": session.model.dump(),
        "input": _text(pump.input.content()),
        "pump": (_text(pump.scanner.carry), pump.last_activity, pump.sent_at, pump.open),
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
        # Bytes that the pipe has not taken are not answered, so their peer sends them again.
        "stdin": (pump.stdin.descriptor, pump.stdin.received - len(pump.stdin.waiting)) if pump.stdin else None,
    }


def session_of(state: Record, *, with_descriptors: bool = True) -> Session:
    """Return the session of a record, on the descriptors in it.

    Raises ValueError for another format, KeyError and TypeError for a record that is not of this form.
    """
    if state.get("format") != FORMAT:
        raise ValueError(f"a session of format {state.get('format')}, not {FORMAT}")
    STEADY.origin, STEADY.step = state["clock"]
    facts: Facts = state["facts"]
    if facts["deadline"] is not None:
        facts["deadline"] += STEADY.now() - time.time()
    columns, rows, width, height = state["size"]
    pty = Pty(state["pty"][0], state["pty"][1], facts["pid"]) if state["pty"] is not None and with_descriptors else None
    session = Session(facts, (columns, rows, width, height), pty)
    pump, clients, findings = session.pump, session.clients, session.findings
    session.log.restore(state["log"][0], a2b_base64(state["log"][1]))
    session.model.restore(state["model"])
    session.life.end = ProgramEnd(**state["end"])
    session.life.become(Phase(state["phase"]))
    findings.title, findings.titled_by = state["title"]
    carry, pump.last_activity, pump.sent_at, pump.open = state["pump"]
    pump.scanner.carry = a2b_base64(carry)
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


def _descriptors(state: Record) -> list[int]:
    numbers = [state["listener"][0], *(state["stdin"] or ())[:1], *(state["pty"] or ())]
    return [number for number in numbers if number >= 0]


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


POLL = 0.01  # seconds between two looks at the trial, and at requests that must end first
TRIAL_TIMEOUT = 20.0  # seconds for the trial, and for requests that are being carried out
FEEDER_RETURNS = 10.0  # seconds for a job's feeder to come back before the end of input
_PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.reload import {entry} as go; go({memory}, {asker!r})"
Asker = tuple[int, int]  # the descriptor of the asker's connection, and the number of the request


def begin(server: Server, request: Request, python: str, path: list[str]) -> None:
    """Reload a daemon; the sesh that takes it over answers the request. Raises Busy, Refused.

    `python`, `path`: the other sesh's interpreter and module search path.
    """
    timers, steps = server.session.timers, _Reload(server, request, python, path).steps()
    if timers.is_set("reload"):
        raise _busy(server, "is being reloaded")

    def go_on() -> None:
        try:
            next(steps)
            timers.set("reload", POLL, go_on)
        except Exception as error:
            server.requests.fail(request, error)

    next(steps)
    timers.set("reload", POLL, go_on)


def _busy(server: Server, reason: str) -> Busy:
    return Busy(f"{server.session.name} {reason}; try again later", exit_code=ExitCode.FAILED)


@dataclass
class _Reload:
    server: Server
    request: Request
    python: str
    path: list[str]

    def steps(self) -> Iterator[None]:
        """Take the next step at each call; the last one executes the other sesh. Raises Busy, Refused."""
        self._check_free()
        deadline = time.monotonic() + TRIAL_TIMEOUT
        yield from self._try_out(deadline)
        while self.server.requests.pending:
            if time.monotonic() > deadline:
                raise _busy(self.server, "takes in a text")
            yield
        self._check_free()
        self._execute()

    def _check_free(self) -> None:
        session = self.server.session
        if session.life.phase not in (Phase.RUNNING, Phase.KEPT):
            raise _busy(self.server, "is ending")
        if session.runs.every():
            raise _busy(self.server, "runs a command of --run")

    def _try_out(self, deadline: float) -> Iterator[None]:
        with _in_memory(b"") as report, _in_memory(protocol.encode(record_of(self.server))) as memory:
            try:
                trial = subprocess.Popen(
                    self._words("try_out", 0, (-1, 0)), stdin=memory, stdout=subprocess.DEVNULL, stderr=report
                )
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise self._refusal(f"cannot execute {printable(self.python)}: {why}") from error
            with trial:
                try:
                    while trial.poll() is None and time.monotonic() < deadline:
                        yield
                finally:
                    late = trial.poll() is None
                    if late:
                        trial.kill()
            if trial.returncode:
                lines = os.pread(report, 1 << 20, 0).decode("utf-8", "replace").strip().split("\n")
                why = "it took too long" if late else printable(lines[-1][:1000]) or "it died"
                raise self._refusal(f"the new version cannot take over ({why})")

    def _refusal(self, why: str) -> Refused:
        return Refused(f"{why}; {self.server.session.name} goes on unchanged")

    def _words(self, entry: str, memory: int, asker: Asker) -> list[str]:
        program = _PROGRAM.format(path=self.path, entry=entry, memory=memory, asker=asker)
        return [self.python, "-I", "-c", program]

    def _execute(self) -> None:
        """Tell all peers to come back, and execute the other sesh. Raises Refused if that is impossible."""
        server, asker = self.server, self.request.connection
        answering = -1 if asker.closed else asker.descriptor
        before, heirs = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()), list[int]()
        try:
            for connection in server.connections.values():  # first: a text that a peer gets now must not be sent again
                if connection is not asker:
                    connection.queue(protocol.frame(protocol.RELOADED))
                connection.flush()
            record = record_of(server)
            with _in_memory(protocol.encode(record)) as memory:
                heirs = [memory, *_descriptors(record), *([answering] if answering >= 0 else [])]
                for descriptor in heirs:
                    os.set_inheritable(descriptor, True)
                os.execv(self.python, self._words("take_over", memory, (answering, self.request.number)))
        except OSError as error:
            for descriptor in heirs[1:]:
                os.set_inheritable(descriptor, False)
            raise self._refusal(f"cannot execute {self.python}: {error.strerror}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _in_memory(data: bytes) -> Iterator[int]:
    """Yield the descriptor of a file without a name that holds `data`. Raises OSError."""
    in_memory = hasattr(os, "memfd_create")
    with open(os.memfd_create("sesh"), "w+b") if in_memory else tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


# -- in the other sesh


def _read(memory: int) -> Record:
    with open(memory, "rb") as file:
        return protocol.parse(file.read())


def try_out(memory: int, _asker: Asker) -> None:
    """Load a record without its descriptors, in the process of a trial. Raises whatever is wrong."""
    session = session_of(_read(memory), with_descriptors=False)
    session.model.catch_up()


def take_over(memory: int, asker: Asker) -> None:
    """Serve the session of a record to its end, after the answer to the `asker`; never return."""
    state = _read(memory)
    for descriptor in _descriptors(state):
        os.set_inheritable(descriptor, False)
    session = session_of(state)
    listener = Listener.adopt(session.name, *state["listener"])
    server = Server(session, listener, None, begin)
    server.requests.typing.outcomes.update(state["texts"])
    if session.pump.stdin is not None:
        session.timers.set("stdin", FEEDER_RETURNS, session.pump.stdin.close)
    session.checkpoint_soon(0)
    processes.set_process_title(f"{PROGRAM}: {session.name}")
    files.hold_package()
    session.faults.guard(lambda: write_record(session, durable=True), "the record")
    descriptor, number = asker
    if descriptor >= 0:
        connection = Connection(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor))
        os.set_inheritable(descriptor, False)
        connection.role = "request"
        server.admit(connection)
        connection.respond(number, name=session.name, version=__version__)
    server.begin()
    server.run()
    os._exit(0)
