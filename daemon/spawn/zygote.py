"""The nest: a process that has a daemon's modules loaded, and from which the daemons of further sessions are forked.

What nobody writes to is held once for all of them, and nothing is left to load. A session or two need none. Whoever
makes the third starts the nest for the next ones. It serves creators in its own surroundings alone (`surroundings`),
keeps nothing of what they order, and ends when no more than one is left of the sessions that were there when it began
or came from it. Its own death changes nothing: what it has forked was never its child.

What a process hands down to its children beside its environment: two that agree in it may be parents of the same.
"""

from __future__ import annotations

import gc
import os
import select
import stat
import sys
import time

import sesh
from sesh import __version__, lean, paths, platform, protocol, wire
from sesh.errors import ProtocolError, Refused, TimedOut, Unreachable
from sesh.lean import signal
from sesh.platform import LINUX
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.clients.listener import Listener
    from sesh.lean import socket

WORTH = 3
"""Sessions from which on it is worth one."""
_LOCK = ".lock"
PATIENCE = 0.25
"""Seconds in which a nest has to answer; else the daemon is born without it."""
_LOADED = (
    "daemon.spawn.environment", "daemon.pty.pty", "daemon.clients.listener", "daemon.server", "daemon.session",
    "vt.emulator", "vt.snapshot", "vt.packed", "vt.render.replay", "vt.render.viewport", "vt.render.export",
    "daemon.waits", "daemon.shell.shells", "daemon.checkpoint", "daemon.upgrade.reload", "daemon.rest",
)  # fmt: skip
_SAMPLE = "".join(map(chr, range(32, 127))) + "\r\n\x1b[1;31mred\x1b[0;38;5;99;48;5;17mblue\x1b[m\x1b[H\x1b[2J"


def knock() -> wire.Connection | None:
    """A connection to a daemon to be, which waits for its order; None where no nest is there for this process."""
    from sesh.lean import socket

    folder = paths.nest_path()
    try:
        if not paths.trusted(folder):
            return None
        entry = surroundings() + paths.SOCKET
        if not paths.check_file(os.path.join(folder, entry), stat.S_IFSOCK):
            return None
    except Refused:
        return None  # a nest is no more than a help
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(PATIENCE)
    try:
        with paths.reachable(folder, entry) as address:
            opened.connect(address)
        trusted = platform.peer_uid(opened) == os.geteuid()
    except OSError:
        trusted = False
    if not trusted:
        opened.close()
        return None
    connection = wire.adopt(opened)
    try:
        if connection.receive(time.monotonic() + PATIENCE)[0] == protocol.PONG:
            return connection
    except (TimedOut, Unreachable, ProtocolError):
        pass
    connection.close()
    return None


def begin() -> None:
    """Starts a nest for this process's surroundings, where there is none yet and it is possible; waits for nothing.

    Raises OSError and Refused, which concern nobody but the nest.
    """
    import fcntl

    from sesh.daemon.spawn.daemonize import spawn_apart

    key = surroundings()
    if not key or not hasattr(os, "pidfd_open") or len(_living(WORTH)) < WORTH:
        return
    folder = paths.nest_path()
    with paths.masked(0o077):
        if not os.path.isdir(folder):
            os.mkdir(folder, paths.PRIVATE)
        if not paths.trusted(folder):
            return
        path = os.path.join(folder, key + _LOCK)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, paths.OWN)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        code = f"import sys; sys.path[:] = {sys.path!r}; from sesh.daemon.spawn.zygote import live; live({key!r})"
        spawn_apart([sys.executable, "-I", "-c", code, "sesh nest"], lock)
    except BlockingIOError:
        pass  # there is one, or it is being started
    finally:
        os.close(lock)


def live(key: str) -> None:
    """The nest's whole life; never returns. Its lock is descriptor 3."""
    import importlib

    from sesh.daemon.clients.listener import Listener
    from sesh.daemon.spawn import daemonize

    daemonize.calm()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    _called("sesh")
    for name in _LOADED:
        importlib.import_module(f"sesh.{name}")
    _warm()
    nest = Nest(Listener(key, paths.nest_path()), key)
    try:
        nest.serve()
    finally:
        nest.leave()
        os._exit(0)


def _called(name: str) -> None:
    """Bears this name in lists of processes, as a fork of the program does; else it would be the interpreter's."""
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write(name)
    except OSError:
        return


def _warm() -> None:
    """Has all those caches filled that every emulator fills, then keeps the collector from touching what is shared."""
    from sesh.daemon.pty.pty import spawner
    from sesh.vt.emulator import Emulator
    from sesh.vt.render.replay import replay

    spawner()
    platform.give_back()
    lean.parse_json(lean.to_json({}))
    emulator = Emulator(80, 24)
    emulator.feed(_SAMPLE.encode() * 30)
    replay(emulator, lines=10)
    del emulator
    gc.collect()
    gc.freeze()


class Nest:
    """Where creators knock, and the sessions whose end it waits for."""

    def __init__(self, door: Listener, key: str) -> None:
        self._door = door
        self._key = key
        self._watched = _sessions()
        self._poll = select.poll()
        for descriptor in (door.socket.fileno(), *self._watched):
            self._poll.register(descriptor, select.POLLIN)

    def serve(self) -> None:
        """Forks a daemon for everyone who knocks, as long as there are sessions that share something."""
        while len(self._watched) > 1:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._watched:
                    self._poll.unregister(descriptor)
                    self._watched.remove(descriptor)
                    os.close(descriptor)
                    continue
                opened = self._door.accept()
                if opened is not None:
                    self._hatch(opened)

    def _hatch(self, opened: socket.socket) -> None:
        """A daemon for who has knocked. Where that is not possible, its creator sees that nobody answers."""
        from sesh.daemon.spawn import daemonize

        inner = -1
        try:
            inner, outer = os.pipe()
            child = os.fork()
        except OSError:
            opened.close()
            if inner >= 0:
                os.close(inner)
                os.close(outer)
            return
        if child == 0:
            daemonize.hatch(opened.fileno(), outer)
        opened.close()
        os.close(outer)  # the daemon alone holds it now: its end shows at the other side
        os.waitpid(child, 0)
        self._watched.append(inner)
        self._poll.register(inner, select.POLLIN)

    def leave(self) -> None:
        """Takes its files away, and what nests that died have left."""
        folder = self._door.folder
        self._door.close()
        for entry in os.listdir(folder):
            key, suffix = os.path.splitext(entry)
            if suffix == _LOCK and (key == self._key or not paths.held(os.path.join(folder, entry))):
                for each in (key + paths.SOCKET, entry):
                    _unlinked(os.path.join(folder, each))
        try:
            os.rmdir(folder)
        except OSError:
            pass  # another nest is in there


def _living(most: int | None = None) -> list[records.Record]:
    """The records of sessions of this machine whose daemon lives, no more than `most`."""
    found: list[records.Record] = []
    for name in paths.names():
        if len(found) == most:
            break
        try:
            record = records.read(name)
        except Refused:
            continue
        if record is not None and records.here(record) and records.alive(record):
            found.append(record)
    return found


def _sessions() -> list[int]:
    """A descriptor for the daemon of each session that lives, which becomes ready with its end (pidfd_open(2))."""
    found = []
    for record in _living():
        try:
            descriptor = os.pidfd_open(record["daemon_pid"])
        except OSError:
            continue
        if records.alive(record):  # its number might have become another process's before it was opened
            found.append(descriptor)
        else:
            os.close(descriptor)
    return found


def _unlinked(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was not there, or is not ours to remove


_STATUS = (b"Uid", b"Gid", b"Groups", b"Cap", b"NoNewPrivs", b"Seccomp", b"Speculation", b"Cpus_allowed:", b"Mems_allo")
_FILES = ("cgroup", "limits", "loginuid", "sessionid", "oom_score_adj", "timerslack_ns", "personality", "attr/current")


def surroundings() -> str:
    """A word for all of it, and for the sesh that runs; empty where the system does not tell.

    That is, of proc(5): user, groups and capabilities, seccomp, the processors allowed, control group, limits, audit
    session, security label, root and namespaces; scheduling; and the program's files, changed or not.
    """
    if not LINUX:
        return ""
    try:
        with open("/proc/self/status", "rb") as lines:
            told = [line for line in lines if line.startswith(_STATUS)]
        told += [_held(f"/proc/self/{name}") for name in _FILES]
        told += [os.fsencode(os.readlink(f"/proc/self/ns/{name}")) for name in sorted(os.listdir("/proc/self/ns"))]
        told.append(os.fsencode(os.readlink("/proc/self/root")))
        told.append(repr((os.nice(0), os.sched_getscheduler(0), _program())).encode("utf-8", "surrogateescape"))
    except OSError:
        return ""
    return lean.sha1(b"\0".join(told))


def _held(path: str) -> bytes:
    """A file's content; some are not there everywhere, or cannot be read where there is no such module."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        return str(error.errno).encode()


def _program() -> tuple[object, ...]:
    """The interpreter, the version, and the files that it loads, by their dates."""
    package = os.path.dirname(os.path.abspath(sesh.__file__))
    dates = []
    for folder in ("", *sorted({os.path.dirname(name.replace(".", "/")) for name in _LOADED})):
        with os.scandir(os.path.join(package, folder)) as entries:
            dates.append(
                sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries if entry.name[-3:] == ".py")
            )
    return (__version__, sys.executable, sys.path, sys.getfilesystemencoding(), sys.flags, dates)
