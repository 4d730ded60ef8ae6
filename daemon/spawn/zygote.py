"""The zygote: a process that has imported everything, and forks daemons.

It has no session's data, and no session depends on it. It ignores SIGCHLD, so the kernel reaps its daemons; after its
end they are init's children.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from contextlib import suppress

from sesh import about, errors
from sesh.config import debug_log
from sesh.daemon.spawn import attributes
from sesh.daemon.spawn.main import BLOCKED, respond, run_daemon
from sesh.system import platforms, processes
from sesh.wire import protocol

IDLE = 60.0  # seconds without a connection after which it exits


def run(listening: int, path: str) -> None:
    """Run the zygote whose socket has this descriptor and path; never return."""
    try:
        if os.fork():
            os._exit(0)  # the creator waits for this process, not for the zygote
        _reset()
        _serve(socket.socket(fileno=listening))
    except BaseException as error:
        debug_log.write_error("zygote", error)
    finally:
        with suppress(OSError):
            os.unlink(path)  # if another zygote has replaced this one, the next creator starts one more
        os._exit(0)


def _reset() -> None:
    os.chdir("/")
    os.umask(0o077)
    attributes.join_own_keyring()  # of no login: for a fork that may have no further one
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    processes.set_process_title(about.ZYGOTE)
    gc.freeze()  # the collector must not write to pages that forks share


def _serve(listening: socket.socket) -> None:
    """Fork a daemon for each connection; return after `IDLE` seconds without one. Raises OSError."""
    # A creator whose connection is not accepted any more starts another zygote.
    listening.settimeout(IDLE)
    with suppress(TimeoutError, BlockingIOError):
        while True:
            creator, _ = listening.accept()
            with creator:
                if platforms.peer_uid(creator) == os.geteuid():
                    _fork_daemon(listening, creator)


def _fork_daemon(listening: socket.socket, creator: socket.socket) -> None:
    """Fork a daemon; send its creator a PONG first, then any error."""
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)  # until the daemon handles them
    try:
        creator.send(protocol.frame(protocol.PONG))
        if os.fork() == 0:
            listening.close()
            run_daemon(creator)
    except OSError as error:
        respond(creator, error=errors.cannot("start a process", error).facts())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
