"""The steps to a daemon: a double fork, a session of its own, none of the caller's descriptors and signals."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys

from sesh import errors, paths

HELD = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Signals that a daemon's loop handles or ignores; blocked from before its birth until the loop does."""
CHANNEL = 3
"""Number of the descriptor that is a daemon's first connection, or a zygote's lock."""
_LIFETIME_PIPE = 4
"""Number of the descriptor by whose end the zygote sees the end of its fork."""


def python() -> list[str]:
    """The words that start this interpreter isolated, without `site` if that is not loaded here."""
    return [sys.executable, "-IS" if sys.flags.no_site else "-I"]


def reap(child: int, *, wait: bool = True) -> None:
    """Waits for the process between this one and the daemon; without `wait` it may live on."""
    try:
        os.waitpid(child, 0 if wait else os.WNOHANG)
    except ChildProcessError:
        pass  # this process was started with SIGCHLD ignored, and the kernel has reaped it


def fork() -> int:
    """Forks as `os.fork` does, but the signals in `HELD` are blocked in the child from its start. Raises Refused."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    child = -1
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        child = os.fork()
    except OSError as error:
        raise errors.no_process(error) from error
    finally:
        if child:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


def leave_session() -> None:
    """The second half of a double fork: returns in a process without a controlling terminal, which cannot get one."""
    os.setsid()
    if fork():
        os._exit(0)


def detach(channel: int, lifetime_pipe: int = -1) -> None:
    """Closes all descriptors but these two, which become 3 and 4, opens /dev/null as 0 to 2, and moves to `/`."""
    os.environ["SESH_DIR"] = paths.directory()  # a relative one would be read from / now
    os.chdir("/")
    if lifetime_pipe >= 0:
        lifetime_pipe = fcntl.fcntl(lifetime_pipe, fcntl.F_DUPFD_CLOEXEC, _LIFETIME_PIPE + 1)  # 3 is the channel's
    if channel != CHANNEL:  # it is 0, 1 or 2 if the caller has closed its standard streams
        os.dup2(channel, CHANNEL)
    os.set_inheritable(CHANNEL, False)
    if lifetime_pipe >= 0:
        os.dup2(lifetime_pipe, _LIFETIME_PIPE, inheritable=False)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if null != descriptor:
            os.dup2(null, descriptor)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1 << 20
    if hard != resource.RLIM_INFINITY:
        most = min(most, max(soft, hard))
    os.closerange(_LIFETIME_PIPE + (lifetime_pipe >= 0), most)


def reset_signals() -> None:
    """Undoes the caller's changes to signals and umask. Signals in `HELD` stay blocked until the loop handles them."""
    os.umask(0o077)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would discard the program's wait status
    signal.pthread_sigmask(signal.SIG_SETMASK, HELD)


def spawn_detached(words: list[str], descriptor: int) -> None:
    """Starts a program as a daemon, which inherits `descriptor` as number 3 and no other. Raises Refused."""
    child = fork()
    if child:
        reap(child)
        return
    try:
        leave_session()
        detach(descriptor)
        os.set_inheritable(CHANNEL, True)
        os.execve(words[0], words, os.environ)
    finally:
        os._exit(1)
