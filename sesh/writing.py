"""Files and directories of sesh's own: made, written whole, locked, removed."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable

from sesh.errors import Refused, TimedOut
from sesh.identity import start_time
from sesh.paths import OWN, PRIVATE, check_safe_path, directory, lacks_descriptors, trusted

LOCK, STARTING = ".lock", ".starting"
SETTLED = 600.0
"""Seconds after which a temporary file is left over, even one of another machine's process."""
UNFINISHED = re.compile(r"\.[^/]{1,100}\.(\d{1,20})\.sesh")
"""The name of a file that is not in its place yet, with the pid of the process that writes it; nobody else has such."""


def ready_directory() -> str:
    """The directory of the sessions, made with mode 0700 if it is missing. Raises Refused as `trusted` does."""
    path = directory()
    try:
        make_private(path)
    except OSError as error:
        raise Refused(f"cannot create {path}: {error.strerror}; set SESH_DIR to a directory of yours") from error
    return path


def make_private(path: str, variable: str = "SESH_DIR") -> None:
    """Makes a directory of mode 0700 if it is not there, and those above it that are missing.

    Raises OSError, and Refused as `trusted` does: no directory is made that would not be safe.
    """
    if trusted(path, variable):
        return
    check_safe_path(os.path.dirname(path), variable)
    missing = [path]
    while not os.path.lexists(parent := os.path.dirname(missing[-1])):
        missing.append(parent)
    for folder in reversed(missing):
        try:
            os.mkdir(folder, PRIVATE)
            os.chmod(folder, PRIVATE)  # the umask may have taken more than it should
        except FileExistsError:
            continue
    if not trusted(path, variable):
        raise Refused(f"{path} was just removed; try again")


class locked:  # noqa: N801
    """Holds a lock in the directory of sessions: `LOCK` to change a session's files, `STARTING` to begin a zygote.

    `patience`: the seconds after which TimedOut is raised, None to wait for as long as it takes.
    """

    def __init__(self, folder: str, entry: str = LOCK, *, patience: float | None = None) -> None:
        self._path = os.path.join(folder, entry)
        self._until = None if patience is None else time.monotonic() + patience
        self._descriptor = -1

    def __enter__(self) -> None:
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, OWN)
        except FileNotFoundError:
            raise  # the whole directory is gone, and the files with it: most callers have nothing left to do
        except OSError as error:
            message = f"cannot lock {self._path}: {error.strerror}"
            hint = remedy(error)
            if not hint or (error.errno == errno.EACCES and os.path.lexists(self._path)):
                hint = "check it and move it away"
            raise Refused(message, hint=hint) from error
        try:
            os.fchmod(self._descriptor, OWN)  # the umask may have taken more than it should
            self._wait()
        except (OSError, TimedOut):
            self.__exit__()
            raise

    def _wait(self) -> None:
        if self._until is None:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            return
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > self._until:
                    raise TimedOut("another process holds the lock of the sessions") from None
                time.sleep(0.01)  # no event tells of its release

    def __exit__(self, *_: object) -> None:
        try:
            os.close(self._descriptor)
        except OSError:
            pass  # nothing was written to it, and the kernel has let go of the lock


def hold_package() -> None:
    """Holds a lock on the directory of this package while the process lives: `--sweep` leaves a locked version alone.

    A daemon's command line does not show the directory that it runs from.
    """
    try:
        descriptor = os.open(os.path.dirname(os.path.abspath(__file__)), os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return  # the file system has no locks


def held(path: str) -> bool:
    """Returns whether a process holds a lock on a file or a directory; True if unknown."""
    mode = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR
    try:
        descriptor = os.open(path, mode | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def remedy(error: OSError) -> str:
    """The hint for an error of writing to the directory of sessions; empty if the error is of another kind."""
    if error.errno == errno.EROFS:
        return "set SESH_DIR to a directory that you can write to"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"make {directory()} writable, or set SESH_DIR to a directory that you can write to"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return "free some space there, or set SESH_DIR to another directory"
    return ""


def refusal(error: OSError) -> Refused:
    """Return the error for a session that could not be set up because of a system call."""
    hint = remedy(error)
    # An error of a write to a descriptor names no file: the file is in the directory of sessions.
    path = error.filename if isinstance(error.filename, str) else directory() if hint else ""
    if lacks_descriptors(error):
        hint = "raise the limit: ulimit -n 1024"
    return Refused(f"cannot set up the session: {path}{': ' if path else ''}{error.strerror or error}", hint=hint)


class masked:  # noqa: N801
    """Holds a umask for the length of a block."""

    def __init__(self, mask: int) -> None:
        self._mask, self._before = mask, 0

    def __enter__(self) -> None:
        self._before = os.umask(self._mask)

    def __exit__(self, *_: object) -> None:
        os.umask(self._before)


def write_whole(
    path: str, data: bytes, *, durable: bool = False, mode: int = OWN, check: Callable[[], None] = lambda: None
) -> None:
    """Puts a file in place in one step: readers see the old content or the new, never a part.

    `durable`: that holds after a loss of power too, and the new content stays; it waits for the disk. `check` is called
    at the last moment; what it raises leaves the old content there.
    """
    temporary = unfinished(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(temporary, flags, OWN)
    try:
        try:
            os.fchmod(descriptor, mode)  # the umask may have taken more than it should
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)  # a file system on a network may find only now that it has no room
        check()
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too
        os.unlink(temporary)
        raise
    if durable:
        sync(os.path.dirname(path))


def unfinished(path: str) -> str:
    """The path under which this process makes a file before it is put in its place."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}.sesh")


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of `data` to a descriptor that blocks, or takes it whole. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def append(path: str, data: bytes, largest: int | None = None, *, through_links: bool = False) -> None:
    """Adds to a file in a single write, so that processes may share it; it is made with mode 0600. Raises OSError.

    `largest`: nothing is added to a file of so many bytes, nor to one that is no regular file of the caller's.
    """
    # O_NONBLOCK: a FIFO that nobody reads must not block.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags if through_links else flags | os.O_NOFOLLOW, OWN)
    try:
        status = os.fstat(descriptor)
        if largest is None or (_is_own_file(status) and status.st_size < largest):
            os.write(descriptor, data)
    finally:
        os.close(descriptor)


def extend(path: str, size: int, data: bytes) -> None:
    """Writes behind the first `size` bytes of a file of the caller's own, in place of what is there. It is made, with
    mode 0600, if it is to begin. Raises OSError; FileNotFoundError also if it has fewer bytes.
    """
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags if size else flags | os.O_CREAT, OWN)
    try:
        status = os.fstat(descriptor)
        if not _is_own_file(status) or status.st_size < size:
            raise FileNotFoundError(errno.ENOENT, "not the file that was written", path)
        if not size:
            os.fchmod(descriptor, OWN)  # the umask may have taken more than it should
        os.ftruncate(descriptor, size)
        os.lseek(descriptor, size, os.SEEK_SET)
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _is_own_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()


def is_abandoned(path: str) -> bool:
    """Returns whether a file was never put in its place, as its process was killed some time ago."""
    match = UNFINISHED.fullmatch(os.path.basename(path))
    if match is None:
        return False
    try:
        age = time.time() - os.lstat(path).st_mtime
    except FileNotFoundError:
        return False
    return age > SETTLED and start_time(int(match[1])) == ""


def sync(path: str) -> None:
    """Waits until a file's content, or a directory's names, are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
