"""Daemons as forks of the process that creates them: a tenth of the time that an interpreter takes to start.

Called by programs of the tests that have loaded sesh already. What they have changed in it is changed in their daemons
too.
"""

from __future__ import annotations

import gc
import socket

from sesh import wire
from sesh.daemon.spawn import daemonize, launch, main
from sesh.schema import LaunchSpec


def fork_daemons() -> None:
    """Have this process fork its daemons, but those that systemd is to start."""
    spawn = launch._spawn

    def fork(spec: LaunchSpec, prefix: list[str], deadline: float) -> wire.Connection:
        if prefix:
            return spawn(spec, prefix, deadline)
        ours, theirs = socket.socketpair()
        child = daemonize.fork()
        if child == 0:
            ours.close()  # a daemon sees its creator's end by the end of this connection
            gc.freeze()
            main.run_spawned(theirs.fileno())
        theirs.close()
        return launch._await_daemon(wire.adopt(ours), spec, deadline, child)

    launch._spawn = fork
