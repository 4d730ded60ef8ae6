"""The zygote: a process with everything imported, which does nothing but fork daemons.

It holds no session's data, and no session depends on it: a daemon leads a session of its own. Nobody has to reap one,
for the zygote ignores SIGCHLD, and after its end the daemons are init's.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from contextlib import suppress

from sesh import about, errors, files, log, machine, paths, processes, protocol
from sesh.daemon.spawn.main import BLOCKED, run_daemon

IDLE = 60.0


def run(listening: int, path: str) -> None:
    """Become the zygote whose socket has this descriptor and path; never return."""
    try:
        if os.fork():
            os._exit(0)  # whoever started this process waits for its end, and not for the zygote's
        opened, mark = socket.socket(fileno=listening), os.lstat(path).st_ino
        opened.setblocking(False)
        _settle()
        try:
            _serve(opened, IDLE)
        finally:
            _remove(path, mark)
        _serve(opened, 0.0)  # who has come in the last moment
    except BaseException as error:
        log.write_error("zygote", error)
    finally:
        os._exit(0)


def _settle() -> None:
    """Give up the creator's directory, terminal, umask, signals, score for memory and title."""
    os.chdir("/")
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    machine.outlive_programs()
    processes.set_process_title(about.ZYGOTE)
    gc.freeze()  # what is loaded lives as long as each fork: the collector leaves its pages shared


def _serve(listening: socket.socket, idle: float) -> None:
    """Fork a daemon for each connection, until none has come for `idle` seconds. Raises OSError."""
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    while poll.poll(idle * 1000):
        with suppress(BlockingIOError, ConnectionAbortedError):
            opened, _ = listening.accept()
            with opened:
                if machine.peer_uid(opened) == os.geteuid():
                    _fork_daemon(listening, opened)


def _fork_daemon(listening: socket.socket, creator: socket.socket) -> None:
    """Fork a daemon for a creator, which hears at once that it is served, and of an error."""
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)  # until the daemon's loop handles them
    try:
        creator.send(protocol.frame(protocol.PONG))
        if os.fork() == 0:
            listening.close()
            run_daemon(creator)
    except ConnectionError:
        return  # the creator has gone
    except OSError as error:
        failed = protocol.message(protocol.RESPONSE, {"id": 0, "error": errors.no_process(error).facts()})
        with suppress(OSError):
            creator.send(failed)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)


def _remove(path: str, mark: int) -> None:
    """Remove the zygote's socket, unless another one's is there."""
    with suppress(OSError, errors.Refused), files.locked(paths.directory(), files.STARTING):
        if os.lstat(path).st_ino == mark:
            os.unlink(path)
