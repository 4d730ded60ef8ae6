"""The zygote's process, and how a creator starts it.

It knows sessions by their lifetimes: those there when it started, and its forks. It exits when at most one of them is
alive, and when a file that it has loaded has changed since (`dates`): a creator's own files are new then. Its death
harms no session, and nobody has to reap one: it ignores SIGCHLD.
"""

from __future__ import annotations

import gc
import os
import select
import sys

from sesh import about, lean, paths, proc, system, writing
from sesh.daemon.spawn import dates
from sesh.daemon.spawn.daemonize import fork, python, reset_signals, spawn_detached
from sesh.daemon.spawn.zygote import fingerprint
from sesh.errors import Refused
from sesh.lean import signal
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesh.daemon.clients.listener import Listener
    from sesh.daemon.spawn.dates import Dates
    from sesh.lean import socket
    from sesh.stored import Record

_LOCK = ".lock"
_SAMPLE = "".join(map(chr, range(32, 127))) + "\r\n\x1b[1;31mred\x1b[0;38;5;99;48;5;17mblue\x1b[m\x1b[H\x1b[2J"
"""Output that fills the caches of an emulator."""
_POOL, _POOL_HEADER, _STEP, _LARGEST = 16384, 48, 16, 512
"""Bytes of allocations by CPython: a pool holds small objects of one size; sizes go in steps to the largest."""
_MOST_HOLES = 1 << 19
"""Bytes of holes of one size; where there seem to be more, the memory is laid out in another way."""
_filling: list[bytes] = []
"""Objects that fill the holes of the zygote's memory."""


def start(at_least: int) -> None:
    """Starts a zygote that fits this process, unless there is one, and does not wait for it.

    None is worth its memory with fewer than `at_least` sessions. Raises OSError and Refused.
    """
    import fcntl
    from itertools import islice

    key = fingerprint()
    if not key or not hasattr(os, "pidfd_open") or len(list(islice(_running(), at_least))) < at_least:
        return
    directory = paths.zygote_directory()
    with writing.masked(0o077):
        if not os.path.isdir(directory):
            os.mkdir(directory, paths.PRIVATE)
        if not paths.trusted(directory):
            return
        path = os.path.join(directory, key + _LOCK)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mark = _mark(dates.of_files())
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import run; run({key!r}, {mark!r})"
        spawn_detached([*python(), "-c", code], lock)
    except BlockingIOError:
        pass  # one runs, or is being started
    finally:
        os.close(lock)


def run(key: str, mark: str) -> None:
    """The zygote's whole life; never returns. Its lock is descriptor 3. `mark`: that of the files before it began."""
    from sesh.daemon.clients.listener import Listener

    reset_signals()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps its forks
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    system.outlive_programs()
    proc.set_process_title(about.ZYGOTE)
    writing.hold_package()
    listener = Listener(key, paths.zygote_directory())  # creators that come meanwhile wait, as for any answer
    waiting = None
    try:
        _preload()
        files = dates.of_files()
        if _mark(files) == mark:  # else some have changed meanwhile
            waiting = _serve(listener, dates.of_loaded(files))
    finally:
        _remove_files(listener)
        del waiting  # only now: its creator starts another zygote
        os._exit(0)


def _preload() -> None:
    """Loads a daemon's modules, fills its emulator's caches, compiles expressions, and hides all of it from the
    collector, which would write to it.

    The interpreter's cache of methods, full of what loading looked up, is emptied: each entry that a fork replaces
    would change the reference counts of two names, in two pages of its own.
    """
    import resource  # noqa: F401

    import sesh.daemon.activity.hooks
    import sesh.daemon.activity.rules
    import sesh.daemon.activity.telling
    import sesh.daemon.pty.answers
    import sesh.daemon.screen.checkpoint
    import sesh.daemon.server
    import sesh.daemon.shell.shells
    import sesh.daemon.spawn.environment
    import sesh.daemon.spawn.main
    import sesh.daemon.upgrade.reload
    import sesh.daemon.waits
    import sesh.vt.emulator  # noqa: F401
    from sesh.daemon.screen.simple_output import replay_safe
    from sesh.queries import QueryScanner
    from sesh.vt.emulator import Emulator
    from sesh.vt.render.replay import replay

    system.give_back()
    lean.parse_json(lean.to_json({}))
    emulator = Emulator(80, 24)
    emulator.feed(_SAMPLE.encode() * 30)
    QueryScanner().find(_SAMPLE.encode())
    replay_safe(b"", 80, 24)
    replay(emulator, lines=10)
    del emulator
    gc.collect()
    getattr(sys, "_clear_internal_caches", sys._clear_type_cache)()  # the first name since Python 3.13
    fill_holes()
    gc.freeze()


def fill_holes() -> None:
    """Fills the holes that loading has left between small objects.

    A fork's own objects would go there, and each would cost it the page. Now they go to pools of their own.
    """
    overhead = sys.getsizeof(b"")
    for size in range(overhead // _STEP * _STEP + _STEP, _LARGEST + 1, _STEP):
        whole = (_POOL - _POOL_HEADER) // size
        added: list[bytes] = []
        run = last = 0
        while run < whole and len(added) < _MOST_HOLES // size:
            added.append(bytes(size - overhead))
            run = run + 1 if id(added[-1]) == last + size else 1
            last = id(added[-1])
        _filling.extend(added[:-whole] if run == whole else ())  # the last ones had a whole pool, which was free


def _serve(listener: Listener, loaded: Dates) -> socket.socket | None:
    """Forks a daemon for each connection, as long as there are sessions to share memory, and files are as loaded.

    Sessions are known by their lifetimes: descriptors that become readable when a session's daemon ends. Returns the
    connection of a creator that came after a file had changed.
    """
    lifetimes = _open_pids()
    while len(lifetimes) > 1:
        poll = select.poll()
        for descriptor in (listener.socket.fileno(), *lifetimes):
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll():
            if descriptor in lifetimes:
                lifetimes.remove(descriptor)
                os.close(descriptor)
                continue
            try:
                opened = listener.accept()
            except Refused:
                continue  # another user's
            if opened is not None:
                if not dates.hold(loaded):
                    return opened
                lifetimes += _fork_daemon(opened)
                opened.close()
    return None


def _fork_daemon(opened: socket.socket) -> list[int]:
    """Forks a daemon for the creator's connection; returns its lifetime, none if that fails (nobody answers then)."""
    from sesh.daemon.spawn.main import run_from_zygote

    ends: list[int] = []
    try:
        ends += os.pipe()
        child = fork()
    except (OSError, Refused):
        for end in ends:
            os.close(end)
        return []
    lifetime, daemon_end = ends
    if child == 0:
        run_from_zygote(opened.fileno(), daemon_end)
    os.close(daemon_end)  # only the daemon holds it now, so the other end closes when it ends
    return [lifetime]


def _mark(files: Dates) -> str:
    return lean.digest(repr(sorted(files.items())).encode("utf-8", "surrogateescape"))


def _remove_files(listener: Listener) -> None:
    """Removes its files and those that killed zygotes left."""
    listener.close()
    for entry in os.listdir(listener.folder):
        key, suffix = os.path.splitext(entry)
        path = os.path.join(listener.folder, key)
        if suffix == _LOCK and (key == listener.name or not writing.held(path + _LOCK)):
            for file in (path + paths.SOCKET, path + _LOCK):
                try:
                    os.unlink(file)
                except OSError:
                    continue  # it was not there, or is not ours to remove
    try:
        os.rmdir(listener.folder)
    except OSError:
        pass  # another zygote uses it


def _running() -> Iterator[Record]:
    """The records of this machine's sessions whose daemon lives."""
    for name in paths.names():
        record = records.readable(name)
        if record is not None and records.here(record) and records.alive(record):
            yield record


def _open_pids() -> list[int]:
    """The lifetimes of the running daemons (pidfd_open(2))."""
    descriptors = []
    for record in _running():
        try:
            descriptor = os.pidfd_open(record["daemon_pid"])
        except OSError:
            continue
        if records.alive(record):  # the pid was not reused before it was opened
            descriptors.append(descriptor)
        else:
            os.close(descriptor)
    return descriptors
