"""Work done by a forked child of this process: the modules are loaded already, and no path has to lead to them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from sesh.errors import SIGNAL_BASE, no_process


def fork(work: Callable[[], int]) -> int:
    """Start a child that exits with the result of `work`; return its pid. Raises Refused if the system starts none."""
    try:
        pid = os.fork()
    except OSError as error:
        raise no_process(error) from error
    if pid:
        return pid
    code = 1
    try:
        code = work()
    except KeyboardInterrupt:
        code = SIGNAL_BASE + signal.SIGINT
    finally:
        os._exit(code)


def aside(work: Callable[[], int]) -> None:
    """Have a process that nobody waits for do some work, without stdio."""

    def detached() -> int:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        fork(work)
        return 0

    os.waitpid(fork(detached), 0)


def code(status: int) -> int:
    """Return the exit code for a wait status, as a shell would say it."""
    return SIGNAL_BASE + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
