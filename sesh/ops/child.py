"""A command line of sesh's own, carried out by a child of this very process: no path or variable has to lead to it."""

from __future__ import annotations

import os
import signal
import sys


def start(argv: list[str], stdin: int, stdout: int, stderr: int, *, directory: str | None = None) -> int:
    """Starts a child that carries out `argv` with these descriptors as its stdio; its pid.

    `directory`: where it does so, None for the directory of this process. Nothing else that is open reaches it.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, descriptor in enumerate((stdin, stdout, stderr)):
            os.dup2(descriptor, number)
        os.closerange(3, max(256, stdin + 1, stdout + 1, stderr + 1))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if directory is not None:
            os.chdir(directory)
        sys.argv = ["sesh", *argv]
        from sesh import __main__

        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))  # what came since the fork is this one's too
        code = __main__.main()
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def aside(argv: list[str]) -> None:
    """Has a process that nobody waits for carry out `argv`, without stdio."""
    if os.fork():
        os.wait()
        return
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        start(argv, nothing, nothing, nothing)
    finally:
        os._exit(0)


def code(status: int) -> int:
    """The exit code for a wait status, as a shell would say it."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
