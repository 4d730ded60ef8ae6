"""`reload`: the daemon's process executes another sesh, which takes over the session.

A trial comes first: the other sesh loads a snapshot of the session in a process of its own. Then the daemon responds,
tells its peers to reconnect, and executes the other sesh. The snapshot, in a memory file, and the descriptors of the
pty, the listening socket and a job's stdin stay open over `exec`. Bytes that arrive meanwhile wait in the kernel.

The other sesh may be of another version: `take_over` and its argument must not change.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from sesh.daemon.base.phase import Phase
from sesh.daemon.clients.connection import PeerRequest, Steps
from sesh.daemon.clients.listener import Listener
from sesh.daemon.desktop import shims
from sesh.daemon.life.description import write_record
from sesh.daemon.pty.output_log import MAX_LAG, Place
from sesh.daemon.screen.feed import CATCH_UP_TIME, FeedState
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.snapshot import Snapshot, decoded, encoded, session_of, take_snapshot
from sesh.errors import Busy, ExitCode, Refused
from sesh.names import printable
from sesh.system import given, paths
from sesh.wire import protocol
from sesh.wire.messages import RELOAD

POLL = 0.01  # seconds between two looks at the trial
TRIAL_TIMEOUT = 20.0  # seconds for the trial, and for a text that is being typed; then the reload is refused
FEEDER_TIMEOUT = 10.0  # seconds for a job's feeder to reconnect; then the job's stdin is closed
_PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.reload import take_over; take_over({memory})"


def steps(server: Server, request: PeerRequest[None], python: str, path: list[str]) -> Steps:
    """Try the other sesh, then respond and execute that sesh. Raises Busy, Refused."""
    unchanged = f"{server.session.name} goes on unchanged"

    def program(memory: int) -> list[str]:
        return [python, "-I", "-c", _PROGRAM.format(path=path, memory=memory)]

    _check_reloadable(server)
    screen = HeldScreen(server.session)
    try:
        yield from screen.steps()
        snapshot: Snapshot = {**take_snapshot(server, screen.state), "descriptors": {}}
        with memory_file(b"") as report, memory_file(encoded(snapshot)) as memory:
            with subprocess.Popen(program(0), stdin=memory, stdout=report, stderr=report) as trial:
                deadline = time.monotonic() + TRIAL_TIMEOUT
                while (trial.poll() is None or server.requests.typing.busy) and time.monotonic() < deadline:
                    yield POLL
                timed_out = trial.poll() is None
                trial.kill()
            said = os.pread(report.fileno(), 1 << 20, 0).decode("utf-8", "replace").strip().split("\n")[-1]
        if trial.returncode:
            why = "it took too long" if timed_out else printable(said[:1000]) or "it died"
            raise Refused(f"the new version cannot take over ({why}); {unchanged}")
        _check_reloadable(server, is_typing=server.requests.typing.busy > 0)
        request.respond(None)
        yield from screen.steps()
        server.replace = partial(_execute, server, program, screen.state)
        yield 0.0
    except (OSError, ValueError) as error:
        why = f"{error.strerror if isinstance(error, OSError) else error}"
        raise Refused(f"cannot execute {printable(python)}: {why}; {unchanged}") from error
    finally:
        screen.release()


class HeldScreen:
    """The screen of the session at one moment, with all scrollback; the log holds the output since then."""

    def __init__(self, session: Session) -> None:
        self._feed = session.feed
        self._log = session.log
        self._place: Place | None = None
        self.state = FeedState.nothing()

    def steps(self) -> Steps:
        """Draw it step by step, unless that was done and not much output has come since."""
        if self._place is not None and self._log.head - self._place.got < MAX_LAG:
            return
        self.release()
        self._feed.catch_up(CATCH_UP_TIME)
        self._place = Place(self._feed.position, self._feed.position, goes_on=False)
        self._log.places.append(self._place)
        for state in self._feed.dumping():
            if state is not None:
                self.state = state
            else:
                yield 0.0

    def release(self) -> None:
        """Let the log go on without that output."""
        if self._place is not None:
            self._log.places.remove(self._place)
            self._place = None


def _check_reloadable(server: Server, *, is_typing: bool = False) -> None:
    """Raise Busy if the session does something that a reload would break."""
    session = server.session
    if session.life.phase not in (Phase.RUNNING, Phase.KEPT):
        reason = "is ending"
    elif session.runs.all_runs():
        reason = "runs a command of sesh run"
    elif is_typing:
        reason = "is receiving a text"
    elif any(request.name == RELOAD for request in server.requests.unfinished):
        reason = "is being reloaded"
    else:
        return
    raise Busy(f"{session.name} {reason}; try again later", exit_code=ExitCode.FAILED)


def _execute(server: Server, program: Callable[[int], list[str]], screen: FeedState) -> None:
    """Tell all peers to reconnect, and execute the other sesh. Raises OSError if that fails."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    inherited: list[int] = []
    try:
        server.session.desk.end_all("was reloaded")
        for connection in server.connections.values():  # send responses first: a peer without one repeats its request
            connection.queue(protocol.frame(protocol.RELOADED))
            connection.flush()
        server.session.keyboard.release_all()  # a held Escape counts as received
        snapshot = take_snapshot(server, screen)
        with memory_file(encoded(snapshot)) as memory:
            inherited = [memory.fileno(), *snapshot["descriptors"].values()]
            for descriptor in inherited:
                os.set_inheritable(descriptor, True)
            words = program(memory.fileno())
            os.execv(words[0], words)
    finally:
        for descriptor in inherited[1:]:
            os.set_inheritable(descriptor, False)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def memory_file(data: bytes) -> BinaryIO:
    if hasattr(os, "memfd_create"):
        file = open(os.memfd_create("sesh"), "w+b")
    else:  # not `tempfile`: it imports `random`, which seeds itself anew in each fork, in pages of the fork's own
        path = os.path.join(paths.directory(), f".reload.{os.getpid()}")
        file = open(path, "x+b")
        os.unlink(path)
    file.write(data)
    file.seek(0)
    return file


# -- in the other sesh


def take_over(memory: int) -> None:
    """Serve a snapshot's session to its end; in a trial, return."""
    given.restore_environment()
    state = decoded(memory)
    session = session_of(state)
    if not state["descriptors"]:
        return
    for descriptor in state["descriptors"].values():
        os.set_inheritable(descriptor, False)
    if session.pump.stdin.open:
        session.pump.stdin.due = time.monotonic() + FEEDER_TIMEOUT
    session.faults.guard(lambda: write_record(session, durable=True), "the record")
    session.faults.guard(lambda: shims.put(os.environ), "the shims")
    server_of(session, state).run()
    os._exit(0)


def server_of(session: Session, state: Snapshot) -> Server:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, state["descriptors"]["listener"])
    server = Server(session, Listener(session.name, listening, state["socket_file"]), None, steps)
    server.requests.typing.outcomes = state["texts"]
    return server
