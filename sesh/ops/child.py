"""Work done by a forked child of this process: loaded modules are there already, and no path has to lead to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import Thread

from sesh.errors import no_process


def fork(
    work: Callable[[], int],
    *,
    stdio: tuple[int, int, int] | None = None,
    directory: str | None = None,
    keep: int = -1,
) -> int:
    """Starts a child that does `work` and exits with its result; returns the child's pid.

    `stdio`: its descriptors 0 to 2, None for /dev/null, this process's stderr as the third. `directory`: where it
    works, None for that of this process. `keep`: one further descriptor that it keeps; others are closed, up to 256 at
    least.

    Raises Refused if the system starts no process.
    """
    try:
        pid = os.fork()
    except OSError as error:
        raise no_process(error) from error
    if pid:
        return pid
    code = 1
    try:
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if stdio is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            stdio = (nothing, nothing, 2)
        for number, descriptor in enumerate(stdio):
            os.dup2(descriptor, number)
        os.closerange(3, max(3, keep))
        os.closerange(max(3, keep + 1), max(256, *(descriptor + 1 for descriptor in stdio), keep + 1))
        if directory is not None:
            os.chdir(directory)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))  # what came since the fork is this one's too
        code = work()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def end_with(lifeline: int) -> None:
    """Has this process be killed once nobody holds the writing end of a pipe: its parent has ended, however it did.

    A thread waits for that, and takes none of the signals: they are to interrupt what the main thread waits for.
    """

    def watch() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        Thread(target=watch, daemon=True).start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def aside(work: Callable[[], int]) -> None:
    """Has a process that nobody waits for do some work, without stdio."""
    if os.fork():
        os.wait()
        return
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        fork(work, stdio=(nothing, nothing, nothing))
    finally:
        os._exit(0)


def code(status: int) -> int:
    """The exit code for a wait status, as a shell would say it."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
