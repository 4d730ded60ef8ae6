"""Private directories: create them, lock the directory of sessions, and explain a failed write in it."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sesh.errors import Refused, TimedOut, remedy
from sesh.paths import OWN, PRIVATE, check_safe_path, directory, trusted

LOCK, STARTING = ".lock", ".starting"


def ready_directory() -> str:
    """Return the directory of sessions; create it with mode 0700 if missing. Raises Refused as `trusted` does."""
    path = directory()
    try:
        make_private(path)
    except OSError as error:
        raise Refused(f"cannot create {path}: {error.strerror}; set SESH_DIR to a directory of yours") from error
    return path


def make_private(path: str, variable: str = "SESH_DIR") -> None:
    """Create a directory with mode 0700, and its missing parents, unless it exists.

    Raises OSError; Refused, as `trusted` does, if the directory is not safe, or would not be once created.
    """
    if trusted(path, variable):
        return
    check_safe_path(os.path.dirname(path), variable)
    with masked(0o777 & ~PRIVATE):
        os.makedirs(path, exist_ok=True)
    if not trusted(path, variable):
        raise Refused(f"{path} was just removed; try again")


@contextmanager
def masked(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def locked(folder: str, entry: str = LOCK, *, timeout: float | None = None) -> Iterator[None]:
    """Hold a lock in the directory of sessions: `LOCK` to change files, `STARTING` to start a zygote.

    `timeout`: seconds until TimedOut; None: no timeout. Raises Refused, with the fix, if the file cannot be opened,
    and FileNotFoundError if the directory is gone.
    """
    path = os.path.join(folder, entry)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, OWN)
    except FileNotFoundError:
        raise
    except OSError as error:
        hint = remedy(error)
        if not hint or (error.errno == errno.EACCES and os.path.lexists(path)):
            hint = "check it and move it away"
        raise Refused(f"cannot lock {path}: {error.strerror}", hint=hint) from error
    try:
        os.fchmod(descriptor, OWN)  # the umask may have removed the owner's bits
        _lock(descriptor, timeout)
        yield
    finally:
        with suppress(OSError):  # the lock is released all the same
            os.close(descriptor)


def _lock(descriptor: int, timeout: float | None) -> None:
    if timeout is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimedOut("another process holds the lock of the sessions") from None
            time.sleep(0.01)  # flock has no timeout


def refusal(error: OSError) -> Refused:
    """Return the error for a session that cannot be set up, mostly because of the directory of sessions."""
    place = error.filename if isinstance(error.filename, str) else directory()
    return Refused(f"cannot set up the session: {place}: {error.strerror or error}", hint=remedy(error))
