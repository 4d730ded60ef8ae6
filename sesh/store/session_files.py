"""The files that were sent to a session: in a directory of its own, `.files.ID` (0700), each of mode 0600.

`ID` is the session's id, or that of the one of which it is the restart: the path of a file stays as it was pasted. The
daemon alone writes here. Each file has an unfinished name until it is whole. What is here goes with the session, as far
as sesh has made it: `~made` has the names of these files, as a program may have put others beside them. No name that
sesh gives to a file begins with `~` (`file_names.safe_name`).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from sesh.desktop.file_names import numbered, safe_name
from sesh.errors import Refused
from sesh.system import files, paths

KIND = "files"  # in the directory's name
_MADE = "~made"
_UNFINISHED = re.compile(r"~\d+")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LIST = 4 << 20  # bytes of the list of names


def folder_of(session_id: str) -> str:
    """Return the path of a session's directory of files."""
    return os.path.join(paths.directory(), f".{KIND}.{session_id}")


class Folder:
    """The directory of one session's files, open."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def size(self) -> int:
        """Return the bytes of the files that are whole."""
        sizes = (status.st_size for name in os.listdir(self._descriptor) if (status := self._status(name)) is not None)
        return sum(sizes)

    def _status(self, name: str) -> os.stat_result | None:
        """Return the status of a regular file that is whole, None for anything else."""
        with suppress(OSError):
            status = os.lstat(name, dir_fd=self._descriptor)
            if stat.S_ISREG(status.st_mode) and not name.startswith("~"):
                return status
        return None

    def discard_unfinished(self) -> None:
        """Remove what a daemon that died, or was reloaded, has left; the caller writes no file meanwhile."""
        for name in os.listdir(self._descriptor):
            if _UNFINISHED.fullmatch(name):
                os.unlink(name, dir_fd=self._descriptor)

    @contextmanager
    def writing(self) -> Iterator[Unfinished]:
        """Yield a new file; remove it after the block, unless it was finished."""
        unfinished = Unfinished(self, self._descriptor)
        try:
            yield unfinished
        finally:
            unfinished.discard()

    def discard(self) -> None:
        """Remove what sesh has made, and the directory, unless it has other files."""
        for name in (*self._made(), *filter(_UNFINISHED.fullmatch, os.listdir(self._descriptor)), _MADE):
            with suppress(FileNotFoundError):
                if stat.S_ISREG(os.lstat(name, dir_fd=self._descriptor).st_mode):
                    os.unlink(name, dir_fd=self._descriptor)
        with suppress(OSError):
            os.rmdir(self.path)

    def _made(self) -> list[str]:
        """Return the names of the files that sesh has made."""
        content = files.read_own(os.path.join(self.path, _MADE), _MAX_LIST) or b""
        return [name for name in content.decode("utf-8", "replace").split("\n") if name and "/" not in name]

    @property
    def has_own(self) -> bool:
        """True if something is here that sesh has made, or nothing at all."""
        names = os.listdir(self._descriptor)
        return not names or any(name == _MADE or _UNFINISHED.fullmatch(name) for name in names)


class Unfinished:
    """A file that is being written."""

    def __init__(self, folder: Folder, descriptor: int) -> None:
        self._folder, self._in = folder, descriptor
        self._name = ""
        for number in count(1):
            with suppress(FileExistsError):
                self._file = os.open(f"~{number}", _CREATE, paths.OWN, dir_fd=descriptor)
                self._name = f"~{number}"
                break
        os.fchmod(self._file, paths.OWN)  # the umask may have removed the owner's bits

    def write(self, data: bytes) -> None:
        files.write_all(self._file, data)

    def finish(self, wanted: str) -> str:
        """Give the file the name that it has elsewhere, as far as it can; return its path. Raises OSError."""
        self._close()  # it may report a full disk
        name = self._claim(safe_name(wanted))
        os.rename(self._name, name, src_dir_fd=self._in, dst_dir_fd=self._in)
        self._name = ""
        return os.path.join(self._folder.path, name)

    def _claim(self, wanted: str) -> str:
        """Make an empty file of a free name, and note that it is sesh's; return the name."""
        for number in count(1):
            name = wanted if number == 1 else numbered(wanted, number)
            try:
                os.close(os.open(name, _CREATE, paths.OWN, dir_fd=self._in))
            except FileExistsError:
                continue
            try:
                files.append(os.path.join(self._folder.path, _MADE), f"{name}\n".encode())
            except OSError:
                os.unlink(name, dir_fd=self._in)
                raise
            return name
        raise AssertionError("numbers have no end")

    def _close(self) -> None:
        descriptor, self._file = self._file, -1
        if descriptor >= 0:
            os.close(descriptor)

    def discard(self) -> None:
        """Remove the file, unless it was finished."""
        with suppress(OSError):  # the directory may be gone with its session
            self._close()
        if self._name:
            with suppress(OSError):
                os.unlink(self._name, dir_fd=self._in)


@contextmanager
def opened(path: str, *, create: bool = False) -> Iterator[Folder]:
    """Open a directory of files. Raises OSError, Refused if it is not the user's own and private."""
    if create:
        files.make_private(path)
    elif not paths.check_directory(path):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield Folder(path, descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove a directory of files, with what sesh has put there, and nothing that is not sesh's. Raises OSError."""
    with suppress(FileNotFoundError, Refused), opened(path) as folder:
        folder.discard()


def has_own(path: str) -> bool:
    """Return whether there is something in a directory of files that sesh may remove."""
    with suppress(OSError, Refused), opened(path) as folder:
        return folder.has_own
    return False
