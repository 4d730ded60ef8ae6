"""The zygote's process.

It knows sessions by their lifetimes: those there when it started, and its forks. It exits when at most one of them is
alive, and when a file that it has loaded has changed since (`dates`): a creator's own files are new then. Its death
harms no session, and nobody has to reap one: it ignores SIGCHLD.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket

from sesh import about, paths, proc, system, writing
from sesh.daemon.clients.listener import Listener
from sesh.daemon.spawn import dates
from sesh.daemon.spawn.daemonize import fork, reset_signals
from sesh.daemon.spawn.dates import Dates
from sesh.daemon.spawn.main import run_from_zygote
from sesh.daemon.spawn.zygote import LOCK, running
from sesh.errors import Refused
from sesh.store import own, records
from sesh.vt.emulator import Emulator
from sesh.vt.render.replay import replay

_SAMPLE = "".join(map(chr, range(32, 127))) + "\r\n\x1b[1;31mred\x1b[0;38;5;99;48;5;17mblue\x1b[m\x1b[H\x1b[2J"
"""Output that fills the caches of an emulator."""


def run(key: str, mark: str) -> None:
    """The zygote's whole life; never returns. Its lock is descriptor 3. `mark`: that of the files before it began."""
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
        if dates.mark(files) == mark:  # else some have changed meanwhile
            waiting = _serve(listener, dates.of_loaded(files))
    finally:
        _remove_files(listener)
        del waiting  # only now: its creator starts another zygote
        os._exit(0)


def _preload() -> None:
    """Fills the caches of an emulator, which all forks share, and hides them from the collector, which would write."""
    emulator = Emulator(80, 24)
    emulator.feed(_SAMPLE.encode() * 30)
    replay(emulator, lines=10)
    del emulator
    gc.collect()
    gc.freeze()


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


def _remove_files(listener: Listener) -> None:
    """Removes its files and those that killed zygotes left."""
    listener.close()
    for entry in os.listdir(listener.folder):
        key, suffix = os.path.splitext(entry)
        path = os.path.join(listener.folder, key)
        ours = own.ZYGOTE.fullmatch(entry) and suffix == LOCK
        if ours and (key == listener.name or not writing.held(path + LOCK)):
            for file in (path + paths.SOCKET, path + LOCK):
                try:
                    os.unlink(file)
                except OSError:
                    continue  # it was not there, or is not ours to remove
    try:
        os.rmdir(listener.folder)
    except OSError:
        pass  # another zygote uses it


def _open_pids() -> list[int]:
    """The lifetimes of the running daemons (pidfd_open(2))."""
    descriptors = []
    for record in running():
        try:
            descriptor = os.pidfd_open(record["daemon_pid"])
        except OSError:
            continue
        if records.alive(record):  # the pid was not reused before it was opened
            descriptors.append(descriptor)
        else:
            os.close(descriptor)
    return descriptors
