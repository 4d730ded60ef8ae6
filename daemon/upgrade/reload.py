"""`--reload`: the daemon executes itself as another sesh, and what runs in it notices nothing.

First a trial: the other sesh, in processes of its own, loads the daemon's whole state and serves a copy of the session
(see `trial`). Then, with all signals blocked, the state goes into memory that outlives `exec`, as do the descriptors.
Until its loop begins, the new image can execute the old one again, which loads its state from the same memory; in the
first seconds of its loop it can do so with the state as it stands then (see `probation`). Meanwhile output, input and
connections wait in the kernel.

The image before, which may be of an older sesh, calls `trial` and `adopt`: their names and arguments stay as they are.
"""

from __future__ import annotations

import os
import sys
import time

from sesh import paths, platform, protocol
from sesh.about import PROGRAM, __version__
from sesh.daemon.upgrade import state as states
from sesh.errors import Busy, ExitCode, Refused, SeshError
from sesh.lean import signal
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.server import Reload, Server
    from sesh.daemon.upgrade.shape import Back, State

POLL = 0.01
"""Seconds between two looks at the trial."""
TRIAL_TIMEOUT = 20.0
"""Seconds that the trial may take."""
PASSED = b"sesh can take over"
"""What the trial prints when the new version can load the state."""
_TRIAL = "import sys; sys.path[:] = {path!r}; from sesh.daemon.upgrade.reload import trial; trial()"
_BACK = "import sys; sys.path[:] = {path!r}; from sesh.daemon.upgrade.reload import adopt; adopt({memory}, {why})()"
"""What executes the sesh before."""
_GO = """
import os, sys
sys.path[:] = {path!r}
try:
    from sesh.daemon.upgrade.reload import adopt
    serve = adopt({memory})
except BaseException as error:
    why = type(error).__name__ + ": " + str(error)
    os.execv({python!r}, [{python!r}, "-I", "-c", {back!r}.replace("WHY_NOT", repr(why))])
serve()
"""
"""What becomes the other sesh; `serve()` leads back itself."""


def begin(server: Server, connection: Connection, number: int, python: str, path: list[str]) -> None:
    """Reloads a daemon; the request is answered by the new image, or by this one. Raises Busy, Refused."""
    _Reload(server, connection, number, python, path).begin()


def load_begin() -> Reload:
    """`begin`: what a server loads its reload with."""
    return begin


class _Reload:
    """One reload: `python` is the interpreter to go on with, `path` where it finds sesh."""

    def __init__(self, server: Server, connection: Connection, number: int, python: str, path: list[str]) -> None:
        self._server, self._connection, self._number = server, connection, number
        self._python, self._path = python, path
        self._pid = self._output = -1
        self._until = 0.0

    def begin(self) -> None:
        self._check()
        if self._server.session.timers.is_set("reload"):
            raise self._busy("is already being reloaded")
        self._until = time.monotonic() + TRIAL_TIMEOUT
        self._start_trial()

    def _soon(self, step: Callable[[], None]) -> None:
        """Takes a step in a moment; what it raises is the answer to the request."""

        def guarded() -> None:
            try:
                step()
            except SeshError as error:
                self._connection.refuse(self._number, error)

        self._server.session.timers.set("reload", POLL, guarded)

    def _must_wait(self) -> bool:
        """Whether a shell is just beginning a command, which is over in a moment. Raises Busy where it is not."""
        runs = self._server.session.runs
        if runs is None or not runs.holding:
            return False
        if time.monotonic() > self._until:
            raise self._busy("is starting a command of --run")
        return True

    def _start_trial(self) -> None:
        if self._must_wait():
            self._soon(self._start_trial)
            return
        state = self._state()
        words = [self._python, "-I", "-c", _TRIAL.format(path=self._path)]
        held: list[int] = []
        try:
            held.append(_memory(state))
            held += os.pipe()
            memory, self._output, write_end = held
            actions = [(os.POSIX_SPAWN_DUP2, memory, 0)]
            actions += [(os.POSIX_SPAWN_DUP2, write_end, descriptor) for descriptor in (1, 2)]
            self._pid = os.posix_spawn(
                self._python,
                words,
                dict(os.environ),
                file_actions=actions,
                setsigmask=(),
                setsigdef=(signal.SIGHUP, signal.SIGINT, signal.SIGPIPE),
            )
            held.remove(self._output)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise Refused(f"cannot execute {printable(self._python)}: {why}; {self._unchanged()}") from error
        finally:
            for descriptor in held:
                os.close(descriptor)
        self._soon(self._check_trial)

    def _check_trial(self) -> None:
        """Goes on as the other sesh once the trial has passed. Raises Refused where it has failed."""
        late = time.monotonic() > self._until
        if late:
            os.kill(self._pid, signal.SIGKILL)
        pid, status = os.waitpid(self._pid, 0 if late else os.WNOHANG)
        if not pid:
            self._soon(self._check_trial)
            return
        os.set_blocking(self._output, False)
        try:
            output = os.read(self._output, 1 << 16)
        except BlockingIOError:
            output = b""  # a process that it started holds the other end
        finally:
            os.close(self._output)
        if status or PASSED not in output:
            why = "it took too long" if late else output.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Refused(f"the new version cannot take over ({why or 'it died'}); {self._unchanged()}")
        self._finish()

    def _finish(self) -> None:
        self._check()
        if self._must_wait():
            self._soon(self._finish)
        else:
            self._execute()

    def _unchanged(self) -> str:
        return f"{self._server.session.name} goes on unchanged"

    def _busy(self, what: str) -> Busy:
        return Busy(f"{self._server.session.name} {what}; try again later", exit_code=ExitCode.FAILED)

    def _check(self) -> None:
        """Raises Busy where the session is ending."""
        ending = self._server.ending
        if ending.killed or (ending.done and not self._server.named):
            raise self._busy("is ending")

    def _state(self) -> State:
        self._server.session.faults.guard(self._server.requests.flush, "a late answer")
        state = states.dump(self._server)
        connections = list(self._server.connections.values())
        place = connections.index(self._connection) if self._connection in connections else None
        back: Back = {"python": sys.executable, "path": [each for each in sys.path if each]}
        return {**state, "request": (place, self._number), "back": back}

    def _execute(self) -> None:
        """Becomes the other sesh. Raises Refused where that is not possible."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        kept: list[int] = []
        try:
            state = self._state()
            kept.append(_memory(state))
            kept += states.descriptors(state)
            for descriptor in kept:
                os.set_inheritable(descriptor, True)
            back = _BACK.format(path=state["back"]["path"], memory=kept[0], why="WHY_NOT")
            code = _GO.format(path=self._path, memory=kept[0], python=sys.executable, back=back)
            signal.setitimer(signal.ITIMER_REAL, 0)  # of the probation, which this image may still be on
            os.execve(self._python, [self._python, "-I", "-c", code], dict(os.environ))
        except OSError as error:
            raise Refused(f"cannot execute {self._python}: {error.strerror}; {self._unchanged()}") from error
        finally:
            for descriptor in kept:
                os.set_inheritable(descriptor, False)
            for memory in kept[:1]:
                os.close(memory)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _memory(state: State) -> int:
    """A descriptor of memory with the state in it; no file name leads to it."""
    content = protocol.encode(state)
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("sesh")
    else:
        path = os.path.join(paths.directory(), f".handover.{os.getpid()}")
        memory = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
        os.unlink(path)
    try:
        paths.write_all(memory, content)
        os.lseek(memory, 0, os.SEEK_SET)
    except OSError:
        os.close(memory)
        raise
    return memory


def _read_memory(memory: int) -> State:
    os.lseek(memory, 0, os.SEEK_SET)
    blocks = []
    while block := os.read(memory, 1 << 20):
        blocks.append(block)
    state: State = protocol.parse(b"".join(blocks))  # type: ignore[assignment]  # as `dump` wrote it
    return state


def trial() -> None:
    """In the trial's process: tries this sesh with the state on fd 0, and reports on fd 1."""
    from sesh.daemon.upgrade import trial as room

    why = room.run(_read_memory(0), load_begin)
    os.write(1, f"{why}\n".encode("utf-8", "replace") if why else PASSED + b"\n")
    os._exit(1 if why else 0)


def adopt(memory: int, failed: str = "") -> Callable[[], None]:
    """In the new image: the daemon whose state `memory` holds, as a function that serves to the end.

    `failed`: why the sesh that was to take over could not, where this is the old one again. What this raises leads back
    to the old image; later the function does so itself, for as long as the new sesh is on probation.
    """
    from sesh.daemon.upgrade.probation import Probation

    state = _read_memory(memory)
    server, connections = states.load(state, load_begin)
    place, number = state["request"]
    asking = connections[place] if place is not None else None
    name, faults = server.session.name, server.session.faults
    platform.set_process_title(f"{PROGRAM}: {name}")
    paths.hold_package()
    for descriptor in [*states.descriptors(state), memory]:
        os.set_inheritable(descriptor, False)
    faults.note(f"not reloaded: {failed}" if failed else f"reloaded as sesh {__version__}")

    def answer() -> None:
        nonlocal asking
        if asking is not None and failed:
            asking.refuse(number, Refused(f"the new version could not take over ({failed}); {name} goes on unchanged"))
        elif asking is not None:
            asking.respond(number, name=name, version=__version__)
        asking = None

    def serve() -> None:
        faults.guard(lambda: server.session.write_record(durable=True), "the record")
        if failed or "back" not in state:  # an older sesh does not say where it was
            answer()
            server.begin()
        else:
            Probation(server, answer, lambda why: _go_back(server, state, memory, why, asking, number)).run()
        os.close(memory)
        state.clear()  # type: ignore[attr-defined]  # it has every line once more
        platform.give_back()
        server.run()
        os._exit(0)

    return serve


def _go_back(server: Server, before: State, memory: int, why: str, asking: Connection | None, number: int) -> None:
    """Becomes the sesh again that wrote the state `before` into `memory`. Returns where that is not possible."""
    from sesh.daemon.upgrade.probation import stand_in

    faults, back = server.session.faults, before["back"]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    state = faults.guard(_dump_for, "the way back", server, before, asking, number)
    kept: list[int] = []
    try:
        fresh = _memory(state) if state is not None else memory
        kept += [fresh, *states.descriptors(state or before)]
        for descriptor in kept:
            stand_in(descriptor)
            os.set_inheritable(descriptor, True)
        code = _BACK.format(path=back["path"], memory=fresh, why=repr(why))
        os.execve(back["python"], [back["python"], "-I", "-c", code], dict(os.environ))
    except OSError as error:
        faults.note(f"the sesh before cannot be executed again after {why}", error)
        for descriptor in kept:
            os.set_inheritable(descriptor, False)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _dump_for(server: Server, before: State, asking: Connection | None, number: int) -> State:
    """The state as it stands, for the sesh that wrote the state `before`. Raises ValueError if it cannot read that."""
    states.check_format(before)
    state = states.dump(server)
    connections = list(server.connections.values())
    return {**state, "request": (connections.index(asking) if asking in connections else None, number)}
