"""The zygote: a process that has loaded a daemon's modules, and from which the daemons of further sessions are forked.

These share the memory that none of them writes to, and have nothing left to load. The creator of the third session
starts the zygote (`forking`). It forks only for creators whose processes hand down the same attributes as its own
(`fingerprint`), and takes from a creator nothing but the spec.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from sesh import about, identity, lean, paths, platform, protocol, system, wire
from sesh.about import __version__
from sesh.errors import SeshError
from sesh.lean import socket

ANSWER_TIMEOUT = 0.25
"""Seconds in which a zygote has to answer; later the creator starts its daemon without it."""
_STATUS = (
    b"Uid", b"Gid", b"Groups", b"Cap", b"NoNewPrivs", b"Seccomp", b"Speculation", b"Cpus_allowed:", b"Mems_allo",
    b"THP_enabled",
)  # fmt: skip
_FILES = (
    "cgroup", "limits", "loginuid", "sessionid", "timerslack_ns", "personality", "coredump_filter", "attr/current",
)  # fmt: skip


def connect() -> wire.Connection | None:
    """A connection to a new fork of the zygote, which waits for its spec; None if no zygote fits this process."""
    directory, entry = paths.zygote_directory(), fingerprint() + paths.SOCKET
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(ANSWER_TIMEOUT)
    connection = None
    try:
        if paths.trusted(directory) and paths.check_file(os.path.join(directory, entry), stat.S_IFSOCK):
            with paths.reachable(directory, entry) as address:
                opened.connect(address)
            if platform.peer_uid(opened) == os.geteuid():
                connection = wire.adopt(opened)
                if connection.receive(time.monotonic() + ANSWER_TIMEOUT)[0] == protocol.PONG:
                    return connection
    except (OSError, SeshError):
        pass  # daemons start without it
    (connection or opened).close()
    return None


def fingerprint() -> str:
    """A hash of the attributes that processes inherit, apart from the environment; empty if they cannot be read.

    On Linux, by proc(5): user, groups and capabilities, seccomp, allowed processors, control group, limits, audit
    session, security label, root and namespaces; scheduling, I/O priority and session keyring. With them the version of
    sesh and its place: whether its files are still the same, the zygote finds out. The umask comes with the spec.
    """
    if not platform.LINUX:
        return ""
    try:
        with open("/proc/self/status", "rb") as lines:
            attributes = [line for line in lines if line.startswith(_STATUS)]
        for name in _FILES:
            try:
                attributes.append(identity.read_proc(f"/proc/self/{name}"))
            except OSError as error:  # kernels differ in their files, and in who may read them
                attributes.append(str(error.errno).encode())
        links = [*(f"ns/{name}" for name in sorted(os.listdir("/proc/self/ns"))), "root"]
        attributes += [os.fsencode(os.readlink(f"/proc/self/{link}")) for link in links]
        priorities = os.nice(0), os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, system.oom_class()
        place = os.path.abspath(about.__file__)
        code = (__version__, sys.executable, sys.path, sys.getfilesystemencoding(), sys.flags, place)
        inherited = priorities, system.keyring_and_io_priority(), code
        attributes.append(repr(inherited).encode("utf-8", "surrogateescape"))
    except OSError:
        return ""
    return lean.digest(b"\0".join(attributes))
