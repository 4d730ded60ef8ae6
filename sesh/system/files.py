"""sesh's own files and directories: write, lock, and read only the trusted ones."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader, FileIO
from typing import Any

from sesh import errors
from sesh.about import ON_HOST
from sesh.errors import Malformed, Refused, TimedOut, cannot
from sesh.schema import codec
from sesh.system import platforms
from sesh.system.paths import OWN, PRIVATE, check_directory, check_safe_path, check_status, directory

ABANDONED_AFTER = 600.0
"""Age in seconds at which a temporary file counts as abandoned, whichever machine wrote it."""
UNFINISHED = re.compile(r"\.[^/]{1,100}\.(\d{1,20})\.sesh")
"""Matches the name of a temporary file, with the number of the thread that writes it."""
_MAX_HEADER = 4 << 20  # bytes of the JSON before other bytes


def _open(path: str, mode: str, *, links: bool = False) -> FileIO:
    """Open a file, without blocking; create it with mode 0600. Raises OSError."""
    more = os.O_NONBLOCK | os.O_NOCTTY | (0 if links else os.O_NOFOLLOW)  # a FIFO that nobody reads would block
    return FileIO(path, mode, opener=lambda path, flags: os.open(path, flags | more, OWN))


@contextmanager
def replacing(path: str, *, durable: bool = False, mode: int = OWN, unfinished: str = "") -> Iterator[int]:
    """Yield the descriptor of a file that replaces `path` after the block.

    Readers see the old content or the new, after an error the old. `durable`: fsync, so that the same holds after a
    power failure. `unfinished`: its path until then.
    """
    with _renamed(path, unfinished) as temporary, _open(temporary, "w") as file:  # close(2) may report a full disk
        os.fchmod(file.fileno(), mode)  # the umask may have removed the owner's bits
        yield file.fileno()
        if durable:
            os.fsync(file.fileno())
    if durable:
        flush(os.path.dirname(path))


def write_whole(path: str, data: bytes, *, durable: bool = False) -> None:
    """Replace a file as `replacing`."""
    with replacing(path, durable=durable) as descriptor:
        write_all(descriptor, data)


def replace_link(path: str, target: str) -> None:
    """Point a symbolic link to `target` atomically. Raises OSError."""
    with _renamed(path) as temporary:
        os.symlink(target, temporary)


@contextmanager
def _renamed(path: str, temporary: str = "") -> Iterator[str]:
    """Yield a temporary path, and rename it to `path`; remove it after an error."""
    folder, entry = os.path.split(path)
    temporary = temporary or os.path.join(folder, f".{entry}.{threading.get_native_id()}.sesh")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def append(path: str, data: bytes, largest: int | None = None, *, through_links: bool = False) -> None:
    """Append in a single write, so that processes may share a file. Raises OSError.

    `largest`: append nothing to a file of this size or more, nor to one that is not the caller's regular file. A
    missing file is created with mode 0600.
    """
    with _open(path, "a", links=through_links) as file:
        status = os.fstat(file.fileno())
        if largest is None or (_is_own_file(status) and status.st_size < largest):
            os.write(file.fileno(), data)


def write_after(path: str, size: int, data: bytes) -> None:
    """Replace everything after a file's first `size` bytes.

    Raises OSError; FileNotFoundError also if the file has fewer bytes, or is not the caller's regular file.
    """
    with _open(path, "r+") as file:
        status = os.fstat(file.fileno())
        if not _is_own_file(status) or status.st_size < size:
            raise FileNotFoundError(errno.ENOENT, "not the file that was written", path)
        file.truncate(size)
        file.seek(size)
        write_all(file.fileno(), data)


def _is_own_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()


def flush(path: str) -> None:
    """Wait until the content of a file or directory is on disk (fsync). Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_own(path: str, largest: int, *, whole: bool = True, header: int = 0) -> bytes | None:
    """Return the content of one of sesh's own files; None if it is missing.

    It follows no link, and does not block. `largest`: the most bytes to read, behind a first line of at most `header`
    bytes. If the file has more, it is refused, or cut if it need not be `whole`. Raises Refused, with the fix, also if
    the file is not private or unreadable; OSError if no descriptor is left.
    """
    try:
        with BufferedReader(_open(path, "r")) as file:
            check_status(path, os.fstat(file.fileno()))
            return file.readline(header) + _rest(file, largest, whole=whole)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        raise damaged(path, str(error.strerror)) from error


def read_regular(path: str, largest: int) -> bytes:
    """Return the content of a user's file; follow links.

    Raises OSError, also if it is larger than `largest`, or not a regular file (a FIFO would block).
    """
    with BufferedReader(_open(path, "r", links=True)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return _rest(file, largest)


def _rest(file: BufferedReader[FileIO], largest: int, *, whole: bool = True) -> bytes:
    size = os.fstat(file.fileno()).st_size
    content = file.read(min(largest, size) + 1)  # it takes the memory before it reads
    if len(content) > size:  # it tells no size, such as those of /proc, or has grown
        content += file.read(largest + 1 - len(content))
    if whole and len(content) > largest:
        raise OSError(errno.EFBIG, f"larger than {largest} bytes")
    return content[:largest]


def damaged(path: str, why: str) -> Refused:
    return Refused(f"{path} is damaged ({why}); check it and move it away")


def refusals(read: Callable[[str], object], entries: Iterable[str]) -> list[str]:
    """Return the errors (`SeshError.text`), with the fix, for entries whose files `read` refuses."""
    refused = []
    for entry in entries:
        try:
            read(entry)
        except Refused as error:
            refused.append(error.text)
    return refused


Check = Callable[[object], Any]  # returns the checked value; raises Malformed


def read_json(path: str, check: Check, largest: int) -> Any:
    """Return the checked JSON object of an own file; None if missing. Raises Refused."""
    data = read_own(path, largest)
    return None if data is None else parse_json(path, data, check)


def write_headed(path: str, header: Mapping[str, object], rest: bytes) -> None:
    """Replace a file by a JSON line and more bytes, as `write_whole`."""
    write_whole(path, codec.encode(header) + b"\n" + rest)


def read_headed(path: str, check: Check, most: int) -> Any:
    """Return the checked JSON of a file's first line, and what follows; None if missing.

    `most`: so many bytes of what follows are read. Raises Refused.
    """
    content = read_own(path, most, whole=False, header=_MAX_HEADER)
    if content is None:
        return None
    first, _, rest = content.partition(b"\n")
    return parse_json(path, first, check), rest


def parse_json(path: str, data: bytes, check: Check) -> Any:
    """Return the checked JSON object of a file's content. Raises Refused, with the fix."""
    try:
        value = codec.parse(data)
    except errors.ProtocolError:
        raise damaged(path, "not a JSON object") from None
    return checked(path, value, check)


def checked(path: str, value: object, check: Check) -> Any:
    """Return the checked value of a file. Raises Refused, with the fix."""
    try:
        return check(value)
    except Malformed as error:
        raise damaged(path, str(error).removeprefix(".")) from None


def _held(path: str, status: os.stat_result) -> TimedOut:
    if pid := platforms.lock_holder(status):
        hint = f"if that is stopped, run: {ON_HOST}kill -CONT {pid}; if it hangs: {ON_HOST}kill {pid}"
        return TimedOut(f"process {pid} holds the lock {path}", hint=hint)
    return TimedOut(f"another process holds the lock {path}", hint=f"to see which, run: {ON_HOST}fuser {path}")


# -- directories


LOCK, STARTING = ".lock", ".starting"
PATIENCE = 5.0  # seconds; a process that holds the lock for longer is stopped, or hangs


def ready_directory() -> str:
    """Return the directory of sessions; create it (0700) if missing. Raises Refused as `check_directory`."""
    path = directory()
    try:
        make_private(path)
    except OSError as error:
        raise cannot(f"create {path}", error, "set SESH_DIR to a directory of yours") from error
    return path


def make_private(path: str, variable: str = "SESH_DIR") -> None:
    """Create a directory with mode 0700, and its missing parents, unless it exists.

    Raises OSError; Refused, as `check_directory` does, if the directory is not safe, or would not be once created.
    """
    if check_directory(path, variable):
        return
    check_safe_path(os.path.dirname(path), variable)
    _make_each(path)
    if not check_directory(path, variable):
        raise Refused(f"{path} was just removed; try again")


def _make_each(path: str) -> None:
    """Create a directory and its missing parents with mode 0700, whatever the umask. Raises OSError."""
    if os.path.isdir(path):
        return
    _make_each(os.path.dirname(path))
    with suppress(FileExistsError):  # another process was faster
        os.mkdir(path, PRIVATE)
        os.chmod(path, PRIVATE)  # the umask may have removed the owner's bits


@contextmanager
def locked(folder: str, entry: str = LOCK, *, timeout: float | None = None) -> Iterator[None]:
    """Hold a lock in the directory of sessions.

    `entry`: `LOCK` to change files, `STARTING` to start a zygote. `timeout`: seconds until TimedOut, `PATIENCE` where a
    person waits; None: no timeout, as for a daemon that has to clear away its files.
    Raises Refused, with the fix, if the file cannot be opened, and FileNotFoundError if the directory is gone.
    """
    path = os.path.join(folder, entry)
    try:
        file = _open(path, "a")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise cannot(f"lock {path}", error, "check it and move it away" if os.path.lexists(path) else "") from error
    deadline = None if timeout is None else time.monotonic() + timeout
    with file:
        os.fchmod(file.fileno(), OWN)  # the umask may have removed the owner's bits
        while True:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if deadline is None else fcntl.LOCK_NB))
                break
            except BlockingIOError:
                if deadline is not None and time.monotonic() > deadline:
                    raise _held(path, os.fstat(file.fileno())) from None
                time.sleep(0.01)  # flock has no timeout
        yield
