"""The zygote: a process that has loaded a daemon's modules, and from which the daemons of further sessions are forked.

These share the memory that none of them writes to, and have nothing left to load. The creator of the third session
starts the zygote, whose process is `forking`. It forks only for creators whose processes hand down the same attributes
as its own (`fingerprint`), and takes from a creator nothing but the spec.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from itertools import islice

from sesh import about, identity, paths, platform, protocol, system, wire, writing
from sesh.about import __version__
from sesh.daemon.spawn import dates
from sesh.daemon.spawn.daemonize import python, spawn_detached
from sesh.errors import SeshError
from sesh.store import records
from sesh.stored import Record

LOCK = ".lock"
"""Suffix of the file that a zygote holds locked while it lives."""
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
    session, security label, root and namespaces; scheduling. With them the version of sesh and its place: whether its
    files are still the same, the zygote finds out. The umask comes with the spec.
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
        inherited = priorities, code
        attributes.append(repr(inherited).encode("utf-8", "surrogateescape"))
    except OSError:
        return ""
    return hashlib.sha256(b"\0".join(attributes)).hexdigest()[:16]


def start(at_least: int) -> None:
    """Starts a zygote that fits this process, unless there is one, and does not wait for it.

    None is worth its memory with fewer than `at_least` sessions. Raises OSError and Refused.
    """
    key = fingerprint()
    if not key or not hasattr(os, "pidfd_open") or len(list(islice(running(), at_least))) < at_least:
        return
    directory = paths.zygote_directory()
    with writing.masked(0o077):
        if not os.path.isdir(directory):
            os.mkdir(directory, paths.PRIVATE)
        if not paths.trusted(directory):
            return
        path = os.path.join(directory, key + LOCK)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mark = dates.mark(dates.of_files())
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from sesh.daemon.spawn.forking import run; run({key!r}, {mark!r})"
        )
        spawn_detached([*python(), "-c", code], lock)
    except BlockingIOError:
        pass  # one runs, or is being started
    finally:
        os.close(lock)


def running() -> Iterator[Record]:
    """The records of this machine's sessions whose daemon lives."""
    for name in paths.names():
        record = records.readable(name)
        if record is not None and records.here(record) and records.alive(record):
            yield record
