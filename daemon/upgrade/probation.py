"""The first seconds of a sesh that has taken over a daemon: an error in them leads back to the old sesh.

The old sesh can be executed as long as its files are there. It loads the state as it stands then, if that has its own
format, else the state that it wrote itself. If there is no way back, the error is noted and the loop goes on. A death
of the process itself, as by `os._exit`, cannot be undone: the trial has to find that.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable
from types import FrameType

from sesh.daemon.server import Server
from sesh.errors import SeshError

ANSWER_AFTER = 0.05
"""Seconds of turns after which the request is answered: an error before that is its answer."""
END_AFTER = 5.0
"""Seconds of turns after which the new sesh stays: a later error does not lead back."""
TURN_TIMEOUT = 8.0
"""Seconds that one turn may take: more than a turn ever waits."""


class _Hangs(Exception):
    pass


def damning(error: BaseException) -> bool:
    """Returns whether an error is the fault of the code: one of a peer or of the machine occurs in any version.

    EBADF is such a fault: the code has lost a descriptor.
    """
    return not isinstance(error, SeshError) and (not isinstance(error, OSError) or error.errno == errno.EBADF)


def reason(error: BaseException) -> str:
    """An error in a few words."""
    return f"{type(error).__name__}: {error}"


def serve(server: Server, answer: Callable[[], None], back: Callable[[str], None]) -> None:
    """Runs the first seconds of a server; returns when they are over, or the session has ended.

    `answer` is called when the first turns have passed. `back` takes the reason and executes the old sesh; it returns
    only if that is impossible.
    """
    timers, faults = server.session.timers, server.session.faults
    errors: list[BaseException] = []
    ended: list[bool] = []

    def on_fault(error: BaseException) -> None:
        if damning(error):
            errors.append(error)

    def answer_and_go_on() -> None:
        answer()
        timers.set("probation", END_AFTER, lambda: ended.append(True))

    server.on_probation, faults.on_fault = True, on_fault
    try:
        timers.set("probation", ANSWER_AFTER, answer_and_go_on)
        signal.signal(signal.SIGALRM, _raise_hangs)
        step = server.begin
        while not (ended or errors):
            # The timer goes on: a guard within the turn may catch the first error of a turn that hangs.
            signal.setitimer(signal.ITIMER_REAL, TURN_TIMEOUT, TURN_TIMEOUT)
            try:
                step()
            except BaseException as error:
                faults.note("a fault in a turn", error)
            if errors:
                signal.setitimer(signal.ITIMER_REAL, 0)
                back(reason(errors[0]))  # if it returns, there is no way back: the probation is over
            elif server.over:
                break
            step = server.turn
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        timers.clear("probation")
        server.on_probation, faults.on_fault = False, None


def _raise_hangs(_number: int, _frame: FrameType | None) -> None:
    raise _Hangs("it hung")
