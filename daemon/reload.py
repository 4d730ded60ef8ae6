"""`--reload`: the daemon's process executes another sesh, which takes over the session.

A trial comes first: the other sesh loads a snapshot of the session in a process of its own. Then the daemon asks its
peers to reconnect, and executes the other sesh. The snapshot, in a memory file, and the descriptors of the pty, the
listening socket and a job's stdin stay open over `exec`. Bytes that arrive meanwhile wait in the kernel.

The other sesh may be of another version: `try_out` and `take_over`, and their arguments, must not change.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from sesh import about, machine, protocol
from sesh.about import PROGRAM, __version__
from sesh.daemon.clients.connection import PeerConnection, PeerRequest
from sesh.daemon.clients.listener import Listener
from sesh.daemon.description import write_record
from sesh.daemon.phase import Phase
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.snapshot import Snapshot, decoded, encoded, session_of, snapshot_of
from sesh.daemon.timer import Timer
from sesh.errors import Busy, ExitCode, Refused
from sesh.messages import ReloadAnswer
from sesh.names import printable

POLL = 0.01  # seconds between two steps
TRIAL_TIMEOUT = 20.0  # seconds for the trial and for pending requests; then the reload is refused
FEEDER_TIMEOUT = 10.0  # seconds for a job's feeder to reconnect; then the job's stdin is closed
_PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.reload import {entry} as go; go({memory}, {caller!r})"
Caller = tuple[int, int]  # the descriptor of the connection that asked, -1 if closed; the number of its request


def begin(server: Server, request: PeerRequest[ReloadAnswer], python: str, path: list[str]) -> None:
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


def _steps(server: Server, request: PeerRequest[ReloadAnswer], python: str, path: list[str]) -> Iterator[None]:
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


def _execute(
    server: Server, request: PeerRequest[ReloadAnswer], program: Callable[[str, int, Caller], list[str]]
) -> None:
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


def server_of(session: Session, state: Snapshot) -> Server:
    """Return the server of the session of a snapshot."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, state["descriptors"].listener)
    server = Server(session, Listener(session.name, listening, state["socket_file"]), None, begin)
    server.requests.typing.outcomes = state["texts"]
    return server


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
    machine.set_process_title(f"{PROGRAM}: {session.name}")
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
