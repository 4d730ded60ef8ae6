"""The oldest part of the output log on disk, while the emulator is further behind than memory is to hold.

It lies in a file without a name, as a ring: what has been read makes room for what comes. Nothing but the emulator is
ever so far behind, so it is written once, read once, in order, and gone as soon as the emulator has caught up.
"""

from __future__ import annotations

import errno
import os

from sesh import paths, system, writing

RESERVE = 1 << 30
"""Bytes of the disk that stay free for others."""
_DIRTY = 32 << 20
"""Bytes behind the newest from which on the kernel is to write: else a flood fills its memory with pages to write."""
_PIECE = 1 << 20
"""Bytes for which the kernel is told at once."""


class Backlog:
    """A file of `size` bytes at most with the output from position `start` to `end`. Raises OSError if there is no disk
    for it: ENODEV where files lie in memory, or on another machine."""

    def __init__(self, position: int, size: int) -> None:
        folder = paths.directory()
        if not system.on_local_disk(folder):
            raise OSError(errno.ENODEV, "not on a local disk", folder)
        self._descriptor = writing.unnamed_file()
        self._size = size
        self._origin = self.start = self.end = position
        self._written = self._forgotten = position
        """Positions up to which the kernel was told to write, and to forget."""

    def write(self, data: bytes) -> None:
        """Adds output behind `end`. Raises OSError; then nothing was added."""
        if self.end + len(data) - self.start > self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room = os.fstatvfs(self._descriptor)
        if room.f_bavail * room.f_frsize < RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view, end = memoryview(data), self.end
        while view:
            offset = (end - self._origin) % self._size
            count = os.pwrite(self._descriptor, view[: self._size - offset], offset)
            view, end = view[count:], end + count
        self.end = end
        self._written = self._advise(self._written, end - _DIRTY)

    def read(self, position: int, limit: int) -> bytes:
        """At most `limit` bytes from `position` on, in one piece. Raises OSError; EIO also if the file lacks them."""
        offset = (position - self._origin) % self._size
        limit = min(limit, self.end - position, self._size - offset)
        data = os.pread(self._descriptor, limit, offset)
        if len(data) < limit:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return data

    def trim(self, position: int) -> None:
        """Forgets what lies before `position`."""
        self.start = min(max(self.start, position), self.end)
        self._forgotten = self._advise(self._forgotten, self.start)

    def close(self) -> None:
        """Gives the file back."""
        os.close(self._descriptor)

    def _advise(self, position: int, end: int) -> int:
        """Tells the kernel, piece by piece, that no memory is needed for what lies before `end`; returns where the next
        piece begins. It drops what is on the disk, and begins to write what is not (posix_fadvise(2))."""
        while position + _PIECE <= end and hasattr(os, "posix_fadvise"):
            offset = (position - self._origin) % self._size
            os.posix_fadvise(self._descriptor, offset, _PIECE, os.POSIX_FADV_DONTNEED)
            position += _PIECE
        return position
