"""The first seconds of a sesh that has taken over a daemon. What fails in them leads back to the sesh before it.

The older image is there as long as its files are: it is executed with the state as it stands, which it can read if the
format is its own, else with the state that it wrote itself. An error that has no way back is noted, and the loop goes
on. A death of the process itself, as by `os._exit`, cannot be undone: that is for the trial to find.
"""

from __future__ import annotations

import errno

from sesh.errors import SeshError
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from sesh.daemon.server import Server

ANSWERED = 0.05
"""Seconds of turns after which the request is answered: what fails before is its answer."""
STANDS = 5.0
"""Seconds of turns after which the new sesh stands, and nothing leads back."""
HANGS = 8.0
"""Seconds that one turn may take, more than it ever waits."""


class _Hangs(Exception):
    pass


def damning(error: BaseException) -> bool:
    """Whether an error is the fault of the code: what a peer or the machine is at fault for fails in any version."""
    return not isinstance(error, SeshError) and (not isinstance(error, OSError) or error.errno == errno.EBADF)


def reason(error: BaseException) -> str:
    """An error in a few words."""
    return f"{type(error).__name__}: {error}"


class Probation:
    """Runs the turns of a server's first seconds.

    `answer` is called when the first ones have passed. `back` executes the sesh before with why, and returns only if
    that is not possible.
    """

    def __init__(self, server: Server, answer: Callable[[], None], back: Callable[[str], None]) -> None:
        self._server, self._answer, self._back = server, answer, back
        self._error: BaseException | None = None
        self._stands = False

    def run(self) -> None:
        """Returns when the new sesh stands, or the session has ended."""
        server, faults = self._server, self._server.session.faults
        server.on_probation, faults.on_fault = True, self._fault
        try:
            server.session.timers.set("probation", ANSWERED, self._answered)
            signal.signal(signal.SIGALRM, self._hangs)
            self._step(server.begin)
            while not (self._stands or server.over):
                self._step(server.turn)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            server.session.timers.clear("probation")
            server.on_probation, faults.on_fault = False, None

    def _step(self, call: Callable[[], None]) -> None:
        signal.setitimer(signal.ITIMER_REAL, HANGS, HANGS)
        try:
            call()
        except BaseException as error:
            self._server.session.faults.note("a fault in a turn", error)
        if self._error is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._back(reason(self._error))
            self._stands = True  # there is no way back

    def _fault(self, error: BaseException) -> None:
        if damning(error) and self._error is None:
            self._error = error

    def _hangs(self, _number: int, _frame: FrameType | None) -> None:
        raise _Hangs("it hung")

    def _answered(self) -> None:
        self._answer()
        self._server.session.timers.set("probation", STANDS, self._stand)

    def _stand(self) -> None:
        self._stands = True
