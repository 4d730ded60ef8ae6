"""The listening socket of a session: claimed under a lock, and removed at the end."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from sesh.errors import Refused
from sesh.store import records
from sesh.system import paths
from sesh.system.files import locked
from sesh.system.platforms import peer_uid
from sesh.wire.connection import listen, open_socket

BACKLOG = 128


class Listener:
    """A listening, non-blocking Unix socket of mode 0600; `identity`: its device and inode."""

    def __init__(self, name: str, opened: socket.socket, identity: tuple[int, int]) -> None:
        self.name = name
        self.socket = opened
        self.identity = identity
        self._directory = _hold(paths.directory())

    @classmethod
    def claim(cls, name: str, check: Callable[[], object] = lambda: None, *, keeps: str = "") -> Listener:
        """Claim a name, and remove the files of a lost session of that name.

        `check` is called first, under the lock, and may raise. `keeps`: the id of a directory of files that stays.
        Raises Exists if a session of that name runs, Refused if the files are another machine's or not sesh's.
        """
        with locked(paths.directory()):
            check()
            clear(name, keeps)
            return cls(name, *_bind(name))

    def accept(self) -> socket.socket | None:
        """Return a new connection, None if none waits. Raises Refused if it is another user's."""
        try:
            opened, _ = self.socket.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return None
        user = peer_uid(opened)
        if user != os.geteuid():
            opened.close()
            raise Refused(f"another user (uid {user}) tried to connect")
        return opened

    def rename(self, name: str, record: Callable[[], None] = lambda: None) -> None:
        """Rename the record, have `record` write it anew, and rename the socket.

        Raises Exists if a session has the name, even a lost one, and whatever `record` raises. After an exception,
        nothing has changed.
        """
        with locked(paths.directory()):
            if os.path.lexists(paths.record_path(name)):
                raise paths.taken(name)
            clear(name)
            try:
                _move_record(self.name, name)
                record()
                os.rename(paths.socket_path(self.name), paths.socket_path(name))
            except BaseException:
                _move_record(name, self.name)  # `record` may fail after it has written the file
                raise
            self.name = name

    def restore(self) -> None:
        """Recreate the socket if it was removed."""
        with locked(paths.directory()):
            if not self._ours():
                clear(self.name)
                before = self.socket
                self.socket, self.identity = _bind(self.name)
                before.close()  # only now: if binding fails, it stays in use

    def release(self, session_id: str = "", *, remove: bool = True) -> None:
        """Remove the socket, with `remove` also the session's other files; stop listening. Raises OSError, Refused.

        Files that were sent to the session stay: it may not have begun, in the place of another one.
        """
        if self.socket.fileno() >= 0:
            # If descriptors have run out, the lock needs that of the directory, and reading the record the socket's.
            if self._directory >= 0:
                os.close(self._directory)
            with self.socket, suppress(FileNotFoundError), locked(paths.directory()):
                if self._ours():
                    os.unlink(paths.socket_path(self.name))  # first: a daemon whose socket is closed seems to hang
                    self.socket.close()
                    if remove:
                        records.remove(self.name, with_sent=False)
        elif remove:
            records.forget(self.name, session_id)
        # These files are not found above if the record or the socket was removed before.
        for kind in records.FILES if remove else ("agent",):
            with suppress(FileNotFoundError):
                os.unlink(records.file_of(session_id, kind))

    def _ours(self) -> bool:
        try:
            status = os.lstat(paths.socket_path(self.name))
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) == self.identity


def _bind(name: str) -> tuple[socket.socket, tuple[int, int]]:
    opened = listen(name + paths.SOCKET, BACKLOG)
    try:
        opened.setblocking(False)
        status = os.lstat(paths.socket_path(name))
    except OSError:
        opened.close()
        raise
    return opened, (status.st_dev, status.st_ino)


def _hold(folder: str) -> int:
    """Lock the directory, shared: programs that clean up skip a locked one (tmpfiles.d(5))."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return -1  # no locks on this file system, or no free descriptor
    return descriptor


def _move_record(old: str, new: str) -> None:
    with suppress(FileNotFoundError):  # somebody has removed it; the daemon writes it again
        records.move(old, new)


def clear(name: str, keeps: str = "") -> None:
    """Remove a lost session's files; the caller holds the lock. Raises Exists, Refused.

    `keeps`: the id of a directory of files that stays, for the session that is its restart.
    """
    has_socket = paths.check_socket(paths.socket_path(name))
    record = records.read(name)
    if record is not None and not records.here(record):
        machine = record.get("machine_name") or record.get("machine")
        raise Refused(f"{name} belongs to machine {machine}, which shares this directory; choose another name")
    if record is None and not has_socket:
        return
    if has_socket:
        probe = open_socket(name + paths.SOCKET)
        if probe is not None:
            probe.close()
            raise paths.taken(name)
    if record is not None:
        if record.get("daemon_pid") == os.getpid() and records.alive(record):
            return  # this session: it stays listed while its socket is recreated
        ended_unseen = record.get("exit_code") is not None and record.get("keep") is not True
        if not ended_unseen and records.wake(record):  # its daemon recreates the lost socket
            raise paths.taken(name)
    records.remove(name, with_sent=record is None or records.files_of(record) != keeps)
