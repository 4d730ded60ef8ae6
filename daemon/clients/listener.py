"""The socket that a session listens on: claimed under a lock, private from the start, removed at the end."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import time
from collections.abc import Callable
from typing import TypedDict

from sesh import paths, platform, wire, writing
from sesh.errors import Refused
from sesh.store import own, records


class ListenerState(TypedDict):
    """The listener, for a process that has its descriptor."""

    name: str
    folder: str
    descriptor: int
    identity: tuple[int, int]


BACKLOG = 128
_STALE_AFTER = 60.0
"""Seconds after which a file of `--run` is stale."""


class Listener:
    """A listening, non-blocking Unix socket of mode 0600 in the directory of sessions."""

    def __init__(self, name: str, folder: str = "") -> None:
        self.name, self.folder = name, folder or paths.directory()
        self.socket, self._identity = self._bind()
        self._directory = self._hold_directory()

    @classmethod
    def claim(cls, name: str, check: Callable[[], None] | None = None) -> Listener:
        """Takes a name, and removes what a lost session of that name left.

        `check` is called before anything changes, when the lock is there. Raises what it raises, Exists if a session
        of that name runs, Refused for files that are not ours to remove.
        """
        with writing.locked(paths.directory()):
            if check is not None:
                check()
            clear(name)
            _remove_stale(paths.directory())
            return cls(name)

    @classmethod
    def adopt(cls, state: ListenerState) -> Listener:
        """The listener that `dump` described, whose descriptor this process has."""
        listener = cls.__new__(cls)
        listener.name, listener.folder = state["name"], state["folder"]
        listener.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, state["descriptor"])
        device, inode = state["identity"]
        listener._identity = (device, inode)
        listener._directory = listener._hold_directory()
        return listener

    def dump(self) -> ListenerState:
        """The listener, for a process that has its descriptor."""
        return {
            "name": self.name,
            "folder": self.folder,
            "descriptor": self.socket.fileno(),
            "identity": self._identity,
        }

    def accept(self) -> socket.socket | None:
        """A new connection of the same user; None if there is none. Raises Refused if it is another user's."""
        try:
            opened, _ = self.socket.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return None
        user = platform.peer_uid(opened)
        if user != os.geteuid():
            opened.close()
            raise Refused(f"another user (uid {user}) tried to connect")
        return opened

    def rename(self, name: str, record: Callable[[], None] = lambda: None) -> OSError | None:
        """Moves the socket to another name, after `record` has written the new record, and removes the old record.

        Returns the error that kept the old record. Raises Exists if that name is a session's, a lost one's too, and
        what `record` raises; then nothing has changed.
        """
        with writing.locked(self.folder):
            if os.path.lexists(paths.record_path(name)):
                raise paths.taken(name)
            clear(name)
            try:
                record()
                os.rename(self._path(self.name), self._path(name))
            except BaseException:
                _remove_record(name)  # it may be there, although to write it failed
                raise
            old, self.name = self.name, name
            return _remove_record(old)  # under the lock: nobody takes that name yet

    def restore(self) -> bool:
        """Makes the socket again if something removed it; returns whether it did: then `socket` is a new one."""
        with writing.locked(self.folder):
            if self._ours():
                return False
            clear(self.name)
            before = self.socket
            self.socket, self._identity = self._bind()
            before.close()  # only now: it stays if no new one can be made
            return True

    def release(self, session_id: str = "") -> None:
        """Removes the session's files, if they are still its own, and closes the socket.

        Files that stayed would look like a lost session: so a failure is tried again without the lock, for which there
        may be no descriptor; nobody takes the name while this one listens. Raises OSError.
        """
        if self.socket.fileno() < 0:
            return
        try:
            with writing.locked(self.folder):
                self._remove(session_id)
        except (OSError, Refused):
            if os.path.isdir(self.folder):
                self._remove(session_id)
        self.close()

    def _remove(self, session_id: str) -> None:
        if self._ours():
            records.remove(self.name, session_id)

    def leave(self) -> None:
        """Removes the socket, if it is still its own, and stops listening; the other files stay. Raises OSError."""
        with writing.locked(self.folder):
            if self._ours():
                os.unlink(self._path(self.name))
        self.close()

    def close(self) -> None:
        """Stops listening; the files stay."""
        self.socket.close()
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name + paths.SOCKET)

    def _ours(self) -> bool:
        try:
            status = os.lstat(self._path(self.name))
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self._identity

    def _bind(self) -> tuple[socket.socket, tuple[int, int]]:
        """Return a listening socket, bound under its own name: cleaners compare that with /proc/net/unix."""
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.setblocking(False)
        entry, path = self.name + paths.SOCKET, self._path(self.name)
        try:
            with writing.masked(0o177), paths.reachable(self.folder, entry) as address:
                opened.bind(address)
            opened.listen(BACKLOG)
            status = os.lstat(path)
        except OSError:
            opened.close()
            raise
        return opened, (status.st_dev, status.st_ino)

    def _hold_directory(self) -> int:
        """Hold a shared lock on the directory: programs that clean up spare one that is locked (tmpfiles.d(5))."""
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return -1  # the file system has no locks, or the process no descriptor
        return descriptor


def _remove_record(name: str) -> OSError | None:
    """Removes a record if it is there; returns the error if that fails."""
    try:
        os.unlink(paths.record_path(name))
    except FileNotFoundError:
        return None
    except OSError as error:
        return error
    return None


def clear(name: str) -> None:
    """Removes the files of a lost session of this name, and none of this process's own session. The caller holds the
    directory's lock.

    Raises Exists if it runs, Refused if the files are another machine's or not sesh's.
    """
    has_socket = paths.check_file(paths.socket_path(name), stat.S_IFSOCK)
    record = records.read(name)
    if record is not None and not records.here(record):
        machine = record.get("machine_name") or record.get("machine")
        raise Refused(f"{name} belongs to machine {machine}, which shares this directory; choose another name")
    if has_socket:
        probe = wire.begin(name)
        if probe is not None:
            probe.close()
            raise paths.taken(name)
    if record is not None:
        if record.get("daemon_pid") == os.getpid() and records.alive(record):
            return  # who looks must not miss it while its socket is made again
        ended_unseen = record.get("exit_code") is not None and record.get("keep") is not True
        if not ended_unseen and records.wake(record):  # it lost its socket, makes it again, and still holds the name
            raise paths.taken(name)
    records.remove(name)


def _remove_stale(folder: str) -> None:
    """Removes unfinished files of killed daemons, and files of `--run`: a shell reads these at once, or never."""
    old = time.time() - _STALE_AFTER
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                of_run = own.RUN.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
                if writing.is_abandoned(entry.path) or (of_run and entry.stat(follow_symlinks=False).st_mtime < old):
                    os.unlink(entry.path)
            except FileNotFoundError:
                continue  # another process removed it
