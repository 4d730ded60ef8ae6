"""A daemon that goes on as another sesh: it executes itself anew, and what runs in it notices nothing.

First the other sesh is tried in a process of its own, with the daemon's whole state. Then, with all signals blocked,
the state goes into memory that outlives `exec`, and so do the descriptors. What the new image cannot take over the old
one takes back, from the same memory, until the moment before the loop begins. Output, input and connections wait in the
kernel meanwhile.
"""

from __future__ import annotations

import os
import time

from sesh import paths, protocol
from sesh.daemon.upgrade import transfer
from sesh.errors import Busy, ExitCode, Refused, SeshError
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.server import Server

LOOK = 0.01
"""Seconds between two looks at the trial."""
PATIENCE = 20.0
"""Seconds that the trial may take."""
_TRIAL = "import sys; sys.path[:] = {path!r}; from sesh.daemon.upgrade.transfer import trial; trial()"
_BACK = "import sys; sys.path[:] = {path!r}; from sesh.daemon.upgrade.transfer import adopt; adopt({memory}, {why})()"
_GO = """
import os, sys
sys.path[:] = {path!r}
try:
    from sesh.daemon.upgrade.transfer import adopt
    serve = adopt({memory})
except BaseException as error:
    why = type(error).__name__ + ": " + str(error)
    os.execv({python!r}, [{python!r}, "-I", "-c", {back!r}.replace("WHY_NOT", repr(why))])
serve()
"""


class Reload:
    """One reload: `python` is the interpreter to go on with, `path` where it finds sesh, `asked` the request."""

    def __init__(self, server: Server, connection: Connection, asked: int, python: str, path: list[str]) -> None:
        self.server, self.connection, self.asked = server, connection, asked
        self.python, self.path = python, path
        self._pid = self._told = -1
        self._until = 0.0

    def begin(self) -> None:
        """Begins with it; the connection is answered by the new image, or here. Raises Busy, Refused."""
        self._check()
        if self.server.session.timers.stands("reload"):
            raise self._busy("is reloaded already")
        self._until = time.monotonic() + PATIENCE
        self._try()

    def _soon(self, step: Callable[[], None]) -> None:
        """Has a step done in a moment; what it raises is the connection's answer."""

        def guarded() -> None:
            try:
                step()
            except SeshError as error:
                self.connection.refuse(self.asked, error)

        self.server.session.timers.set("reload", LOOK, guarded)

    def _passing(self) -> bool:
        """Whether something is under way that is over in a moment. Raises Busy where it is not."""
        runs = self.server.session.runs
        if runs is None or not runs.passing:
            return False
        if time.monotonic() > self._until:
            raise self._busy("begins with a command of --run")
        return True

    def _try(self) -> None:
        """Starts the trial."""
        if self._passing():
            self._soon(self._try)
            return
        memory = _memory(self._state())
        self._told, said = os.pipe()
        words = [self.python, "-I", "-c", _TRIAL.format(path=self.path)]
        actions = [(os.POSIX_SPAWN_DUP2, memory, 0), (os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2)]
        try:
            self._pid = os.posix_spawn(
                self.python,
                words,
                dict(os.environ),
                file_actions=actions,
                setsigmask=(),
                setsigdef=(signal.SIGHUP, signal.SIGINT, signal.SIGPIPE),
            )
        except OSError as error:
            os.close(self._told)
            raise Refused(f"{self.python} cannot be executed: {error.strerror}; {self._same()}") from error
        finally:
            os.close(memory)
            os.close(said)
        self._soon(self._look)

    def _look(self) -> None:
        """Whether the trial is over."""
        late = time.monotonic() > self._until
        if late:
            os.kill(self._pid, signal.SIGKILL)
        pid, status = os.waitpid(self._pid, 0 if late else os.WNOHANG)
        if not pid:
            self._soon(self._look)
            return
        os.set_blocking(self._told, False)
        try:
            said = os.read(self._told, 1 << 16)
        except BlockingIOError:
            said = b""  # something that it started holds the other end
        finally:
            os.close(self._told)
        if status or transfer.PASSED not in said:
            why = "it took too long" if late else said.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Refused(f"the other sesh cannot take over ({why or 'it died'}); {self._same()}")
        self._finish()

    def _finish(self) -> None:
        """Goes on as the other sesh as soon as that can be."""
        self._check()
        if self._passing():
            self._soon(self._finish)
        else:
            self._go()

    def _same(self) -> str:
        return f"{self.server.session.name} goes on as it was"

    def _busy(self, what: str) -> Busy:
        return Busy(f"{self.server.session.name} {what}; try again later", exit_code=ExitCode.FAILED)

    def _check(self) -> None:
        """Raises Busy where it is too late for that."""
        ending = self.server.ending
        if ending.told or (ending.done and not self.server.serving):
            raise self._busy("is ending")

    def _state(self) -> dict[str, Any]:
        while self.server.later:
            self.server.guarded(self.server.later.pop(0)[2], "a late answer")
        state = transfer.dump(self.server)
        connections = list(self.server.connections.values())
        return {
            **state,
            "asked": [connections.index(self.connection) if self.connection in connections else None, self.asked],
        }

    def _go(self) -> None:
        """Becomes the other sesh. Raises Refused where that cannot be."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        kept: list[int] = []
        try:
            state = self._state()
            kept.append(_memory(state))
            kept += transfer.descriptors(state)
            for descriptor in kept:
                os.set_inheritable(descriptor, True)
            import sys

            back = _BACK.format(path=[each for each in sys.path if each], memory=kept[0], why="WHY_NOT")
            code = _GO.format(path=self.path, memory=kept[0], python=sys.executable, back=back)
            os.execve(self.python, [self.python, "-I", "-c", code], dict(os.environ))
        except OSError as error:
            raise Refused(f"{self.python} cannot be executed: {error.strerror}; {self._same()}") from error
        finally:
            for descriptor in kept:
                os.set_inheritable(descriptor, False)
            for memory in kept[:1]:
                os.close(memory)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _memory(state: dict[str, Any]) -> int:
    """A descriptor of memory that no file leads to, with the state in it."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("sesh")
    else:
        path = os.path.join(paths.directory(), f".handover.{os.getpid()}")
        memory = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
        os.unlink(path)
    try:
        view = memoryview(protocol.encode(state))
        while view:
            view = view[os.write(memory, view) :]
        os.lseek(memory, 0, os.SEEK_SET)
    except OSError:
        os.close(memory)
        raise
    return memory
