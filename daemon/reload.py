"""`--reload`: the process of a daemon executes another sesh, which goes on with the session.

A trial comes first: the other sesh, in a process of its own, loads the session's record. Then all peers are told to
come back, and the process executes the other sesh with the record in memory that outlives `exec`, as the descriptors of
the pty, of the listening socket and of a job's stdin do. What comes meanwhile waits in the kernel.

The sesh that is executed may be of another version: `try_out` and `take_over`, and their arguments, must not change.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sesh import proc, protocol, writing
from sesh.about import PROGRAM, __version__
from sesh.daemon import handover
from sesh.daemon.clients.connection import Connection, Request
from sesh.daemon.clients.listener import Listener
from sesh.daemon.description import write_record
from sesh.daemon.handover import Record
from sesh.daemon.phase import Phase
from sesh.daemon.server import Server
from sesh.errors import Busy, ExitCode, Refused
from sesh.names import printable

POLL = 0.01
"""Seconds between two looks at the trial, and at requests that must end first."""
TRIAL_TIMEOUT = 20.0
"""Seconds for the trial, and for requests that are being carried out."""
FEEDER_RETURNS = 10.0
"""Seconds for the peer that feeds a job to come back; then the job sees the end of its input."""
_PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.reload import {entry} as go; go({memory}, {asker!r})"
Asker = tuple[int, int]
"""The descriptor of the asker's connection, and the number of the request."""


def begin(server: Server, request: Request, python: str, path: list[str]) -> None:
    """Reload a daemon; the sesh that takes it over answers the request. Raises Busy, Refused."""
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
    """Return the error for a session that cannot be handed over."""
    return Busy(f"{server.session.name} {reason}; try again later", exit_code=ExitCode.FAILED)


@dataclass
class _Reload:
    """`python`, `path`: the other sesh's interpreter and module search path."""

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
        with _in_memory(b"") as report, _in_memory(protocol.encode(_state(self.server))) as memory:
            try:
                trial = subprocess.Popen(
                    self._words("try_out", 0, (-1, 0)), stdin=memory, stdout=subprocess.DEVNULL, stderr=report
                )
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise Refused(f"cannot execute {printable(self.python)}: {why}; {self._unchanged}") from error
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
                raise Refused(f"the new version cannot take over ({why}); {self._unchanged}")

    @property
    def _unchanged(self) -> str:
        return f"{self.server.session.name} goes on unchanged"

    def _words(self, entry: str, memory: int, asker: Asker) -> list[str]:
        program = _PROGRAM.format(path=self.path, entry=entry, memory=memory, asker=asker)
        return [self.python, "-I", "-c", program]

    def _execute(self) -> None:
        """Tell all peers to come back, and execute the other sesh. Raises Refused if that is impossible."""
        server, asker = self.server, self.request.connection
        answering = -1 if asker.closed else asker.descriptor
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            server.send_back(asker)  # first: a text that a peer is sent now must not be sent again
            state = _state(server)
            heirs = [*handover.descriptors(state), *([answering] if answering >= 0 else [])]
            with _in_memory(protocol.encode(state)) as memory, _inheritable([memory, *heirs]):
                os.execv(self.python, self._words("take_over", memory, (answering, self.request.number)))
        except OSError as error:
            raise Refused(f"cannot execute {self.python}: {error.strerror}; {self._unchanged}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _state(server: Server) -> Record:
    return handover.of(server.session, server.listener, server.requests.typing.outcomes)


@contextmanager
def _in_memory(data: bytes) -> Iterator[int]:
    """Yield the descriptor of a file without a name that holds `data`. Raises OSError."""
    in_memory = hasattr(os, "memfd_create")
    with open(os.memfd_create("sesh"), "w+b") if in_memory else tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


@contextmanager
def _inheritable(descriptors: list[int]) -> Iterator[None]:
    """Leave descriptors open in a program that is executed within."""
    try:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        yield
    finally:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)


def _read(memory: int) -> Record:
    with open(memory, "rb") as file:
        return protocol.parse(file.read())


def try_out(memory: int, _asker: Asker) -> None:
    """Load a record without its descriptors, in the process of a trial. Raises whatever is wrong."""
    session = handover.session_of(_read(memory), with_descriptors=False)
    session.model.catch_up()


def take_over(memory: int, asker: Asker) -> None:
    """Serve the session of a record to its end, after the answer to the `asker`; never return."""
    state = _read(memory)
    for descriptor in handover.descriptors(state):
        os.set_inheritable(descriptor, False)
    session = handover.session_of(state)
    listener = Listener.adopt(session.name, *state["listener"])
    server = Server(session, listener, None, begin)
    server.requests.typing.outcomes.update(state["texts"])
    if session.pump.stdin is not None:
        session.timers.set("stdin", FEEDER_RETURNS, session.pump.stdin.close)
    session.checkpoint_soon(0)
    proc.set_process_title(f"{PROGRAM}: {session.name}")
    writing.hold_package()
    session.faults.guard(lambda: write_record(session, durable=True), "the record")
    _answer(server, *asker)
    server.begin()
    server.run()
    os._exit(0)


def _answer(server: Server, descriptor: int, number: int) -> None:
    if descriptor >= 0:
        connection = Connection(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptor))
        os.set_inheritable(descriptor, False)
        connection.role = "request"
        server.admit(connection)
        connection.respond(number, name=server.session.name, version=__version__)
