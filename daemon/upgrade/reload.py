"""`--reload`: the daemon executes itself as another sesh; its session, program and connections notice nothing.

First a trial: the new sesh, in processes of its own, loads the daemon's whole state and serves a copy of the session
(see `trial`). Then, with all signals blocked, the old sesh writes the state into memory that outlives `exec`, as the
descriptors do, and executes the new one. Until the new sesh begins its loop, any error executes the old one again,
which loads the same memory. In the first seconds of the loop the new sesh can still go back, with the state as it
stands then (see `probation`). Meanwhile output, input and connections wait in the kernel.

The old sesh may be of another version. It calls `trial` and `adopt` of the new one: their names and arguments must not
change.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

from sesh import proc, protocol, system, writing
from sesh.about import PROGRAM, __version__
from sesh.daemon.clients.connection import Connection
from sesh.daemon.description import write_record
from sesh.daemon.server import Server
from sesh.daemon.upgrade import probation
from sesh.daemon.upgrade import state as states
from sesh.daemon.upgrade.shape import State
from sesh.daemon.upgrade.trial import run
from sesh.errors import Busy, ExitCode, Refused
from sesh.names import printable

POLL = 0.01
"""Seconds between two checks of the trial."""
TRIAL_TIMEOUT = 20.0
"""Seconds that the trial may take."""
PASSED = b"sesh can take over"
"""The output of a trial that has passed."""

# Programs for `python -c`, as text: each chooses the sesh that it imports, and this one's files may be gone by then.
_PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.upgrade.reload import adopt, trial; {call}"
_TRY = "trial()"
_GO_BACK = "adopt({memory}, sys.argv[1])()"
"""Executed as the old sesh, to take the daemon back; the argument is the reason."""
_TAKE_OVER = """
import os, sys
sys.path[:] = {path!r}
try:
    from sesh.daemon.upgrade.reload import adopt
    serve = adopt({memory})
except BaseException as error:
    why = (type(error).__name__ + ": " + str(error))[:1000].encode("utf-8", "backslashreplace").replace(b"\\0", b"?")
    os.execv({python!r}, [{python!r}, "-I", "-c", {back!r}, why])
serve()
"""
"""Executed as the new sesh. An error before its loop begins executes the old one again; later `serve` does that."""


def begin(server: Server, connection: Connection, number: int, python: str, path: list[str]) -> None:
    """Reloads a daemon. The new sesh answers the request, or this one if the reload fails. Raises Busy, Refused."""
    timers, steps = server.session.timers, _Reload(server, connection, number, python, path).steps()

    def go_on() -> None:
        try:
            next(steps)
            timers.set("reload", POLL, go_on)
        except Exception as error:
            server.requests.fail(connection, number, "reload", error)

    next(steps)
    timers.set("reload", POLL, go_on)


class _Reload:
    """One reload: `python` is the new sesh's interpreter, `path` the `sys.path` on which that finds it."""

    def __init__(self, server: Server, connection: Connection, number: int, python: str, path: list[str]) -> None:
        self._server, self._connection, self._number = server, connection, number
        self._python, self._path = python, path

    def steps(self) -> Iterator[None]:
        """Goes on whenever the next value is asked for, and executes the new sesh in the end. Raises Busy, Refused."""
        self._check_not_ending()
        if self._server.session.timers.is_set("reload"):
            raise self._busy("is already being reloaded")
        yield from self._replace()

    def _replace(self) -> Iterator[None]:
        """Tries the new sesh, and executes it in this process."""
        deadline = time.monotonic() + TRIAL_TIMEOUT
        pid, output = self._start_trial()
        ended = late = False
        while not ended:
            yield
            late = time.monotonic() > deadline
            if late:
                os.kill(pid, signal.SIGKILL)
            child, status = os.waitpid(pid, 0 if late else os.WNOHANG)
            ended = child != 0
        os.set_blocking(output, False)
        try:
            report = os.read(output, 1 << 16)
        except BlockingIOError:
            report = b""  # a process that it started holds the other end
        finally:
            os.close(output)
        if status or PASSED not in report:
            why = "it took too long" if late else report.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Refused(f"the new version cannot take over ({why or 'it died'}); {self._unchanged()}")
        while (runs := self._server.session.runs) is not None and runs.holding:
            if time.monotonic() > deadline:
                raise self._busy("is starting a command of --run")
            yield
        while self._server.requests.pending:
            if time.monotonic() > deadline:
                raise self._busy("takes in a text")
            yield
        self._execute()

    def _start_trial(self) -> tuple[int, int]:
        """Starts the trial; returns its pid, and the descriptor of its output. Raises Refused."""
        state = self._handover()  # an error in it is no fault of the new sesh, nor of its Python
        to_close: list[int] = []
        try:
            to_close.append(_write_memory(state))
            to_close += os.pipe()
            memory, output, write_end = to_close
            actions = [(os.POSIX_SPAWN_DUP2, memory, 0)]
            actions += [(os.POSIX_SPAWN_DUP2, write_end, descriptor) for descriptor in (1, 2)]
            pid = os.posix_spawn(
                self._python,
                [self._python, "-I", "-c", _PROGRAM.format(path=self._path, call=_TRY)],
                dict(os.environ),
                file_actions=actions,
                setsigmask=(),
                setsigdef=(signal.SIGHUP, signal.SIGINT, signal.SIGPIPE),
            )
            to_close.remove(output)  # read by `steps`
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise Refused(f"cannot execute {printable(self._python)}: {why}; {self._unchanged()}") from error
        finally:
            for descriptor in to_close:
                os.close(descriptor)
        return pid, output

    def _unchanged(self) -> str:
        return f"{self._server.session.name} goes on unchanged"

    def _busy(self, state: str) -> Busy:
        return Busy(f"{self._server.session.name} {state}; try again later", exit_code=ExitCode.FAILED)

    def _check_not_ending(self) -> None:
        ending = self._server.ending
        if ending.killed or (ending.done and not self._server.named):
            raise self._busy("is ending")

    def _handover(self) -> State:
        """The state for the new sesh, with the way back to this one."""
        self._server.session.faults.guard(self._server.requests.flush, "a late answer")
        state = _dump(self._server, self._connection, self._number)
        return {**state, "back": {"python": sys.executable, "path": [folder for folder in sys.path if folder]}}

    def _execute(self) -> None:
        """Executes the new sesh in this process. Raises Busy, and Refused if that is impossible."""
        self._check_not_ending()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            state = self._handover()
            memory = _write_memory(state)
            back = _PROGRAM.format(path=state["back"]["path"], call=_GO_BACK.format(memory=memory))
            program = _TAKE_OVER.format(path=self._path, memory=memory, python=sys.executable, back=back)
            try:
                _exec_python(self._python, [program], [memory, *states.descriptors(state)])
            finally:
                os.close(memory)
        except OSError as error:
            raise Refused(f"cannot execute {self._python}: {error.strerror}; {self._unchanged()}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dump(server: Server, asker: Connection | None, number: int) -> State:
    """The state of a daemon, with the connection and the number of the request for its reload."""
    state = states.dump(server)
    connections = list(server.connections.values())
    return {**state, "request": (connections.index(asker) if asker in connections else None, number)}


def _exec_python(python: str, program: list[str | bytes], descriptors: list[int]) -> None:
    """Executes a Python program, given with its arguments, which inherits these descriptors. Raises OSError."""
    signal.setitimer(signal.ITIMER_REAL, 0)  # of a probation that this sesh is still on
    try:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        os.execve(python, [python, "-I", "-c", *program], dict(os.environ))
    finally:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)


def _write_memory(state: State) -> int:
    """Writes the state into memory without a file name, and returns its descriptor. Raises OSError."""
    memory = os.memfd_create("sesh") if hasattr(os, "memfd_create") else writing.unnamed_file()
    try:
        with open(memory, "wb", closefd=False) as file:
            file.write(protocol.encode(state))
    except OSError:
        os.close(memory)
        raise
    return memory


def _read_memory(memory: int) -> State:
    os.lseek(memory, 0, os.SEEK_SET)
    with open(memory, "rb", closefd=False) as file:
        state: State = protocol.parse(file.read())  # type: ignore[assignment]  # as `dump` wrote it
    return state


def trial() -> None:
    """The trial's process: tries this sesh with the state on descriptor 0, and reports on descriptor 1."""
    why = run(_read_memory(0), begin)
    os.write(1, f"{why}\n".encode("utf-8", "replace") if why else PASSED + b"\n")
    os._exit(1 if why else 0)


def adopt(memory: int, failed: str = "") -> Callable[[], None]:
    """Takes over the daemon whose state is in `memory`, and returns the function that serves it to the end.

    `failed`: the reason why the new sesh could not take over, if this is the old one again; empty otherwise. An error
    of this function leads back to the old sesh (`_TAKE_OVER`); the returned function goes back itself, as long as the
    new sesh is on probation.
    """
    return _Adopted(memory, failed).serve


class _Adopted:
    """A daemon that this process has taken over. Of the state, which is large, it keeps what the way back needs."""

    def __init__(self, memory: int, failed: str) -> None:
        state = _read_memory(memory)
        self._memory, self._failed = memory, failed
        """The descriptor of the state as the old sesh wrote it, and the argument of `adopt`."""
        self._server, connections = states.load(state, begin)
        self._back = state.get("back")
        """What executes the old sesh; None if this is that again."""
        self._descriptors = states.descriptors(state)
        index, self._number = state["request"]
        self._asker = connections[index] if index is not None else None
        """The connection that waits for the answer; None after the answer."""
        self._on_probation = probation.serve
        """Loaded here: if that fails, the old sesh is executed again (`_TAKE_OVER`)."""
        proc.set_process_title(f"{PROGRAM}: {self._server.session.name}")
        writing.hold_package()
        for descriptor in [*self._descriptors, memory]:
            os.set_inheritable(descriptor, False)
        if failed:
            self._server.session.faults.note(f"not reloaded: {failed}")

    def serve(self) -> None:
        """Serves the session to its end; never returns."""
        server = self._server
        server.session.faults.guard(lambda: write_record(server.session, durable=True), "the record")
        if self._failed or self._back is None:
            self._answer()
            server.begin()
        else:
            self._on_probation(self._server, self._answer, self._go_back)
        os.close(self._memory)
        system.give_back()
        server.run()
        os._exit(0)

    def _answer(self) -> None:
        asker, self._asker = self._asker, None
        name = self._server.session.name
        if asker is not None and self._failed:
            message = f"the new version could not take over ({self._failed}); {name} goes on unchanged"
            asker.refuse(self._number, Refused(message))
        elif asker is not None:
            asker.respond(self._number, name=name, version=__version__)

    def _go_back(self, why: str) -> None:
        """Executes the old sesh again. Returns if that is impossible."""
        if self._back is None:
            return
        faults = self._server.session.faults
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        memory, descriptors = self._memory, self._descriptors
        try:
            state = faults.guard(lambda: _dump(self._server, self._asker, self._number), "the way back")
            if state is not None:
                memory, descriptors = _write_memory(state), states.descriptors(state)
            for descriptor in descriptors:
                _replace_if_closed(descriptor)
            program = _PROGRAM.format(path=self._back["path"], call=_GO_BACK.format(memory=memory))
            argument = why[:1000].encode("utf-8", "backslashreplace").replace(b"\0", b"?")
            _exec_python(self._back["python"], [program, argument], [memory, *descriptors])
        except OSError as error:
            faults.note(f"the sesh before cannot be executed again after {why}", error)
        finally:
            if memory != self._memory:
                os.close(memory)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _replace_if_closed(descriptor: int) -> None:
    """Puts a socket whose other end is closed in the place of a closed descriptor: the state may list connections that
    have ended since, and the sesh that loads it sees their end."""
    try:
        os.fstat(descriptor)
    except OSError:
        closed, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        os.dup2(closed.fileno(), descriptor)
