"""The program's output as one numbered sequence of bytes, which any number of readers read at their own positions."""

from __future__ import annotations

import errno
import time
from bisect import bisect_right
from collections.abc import Callable

from sesh.daemon.pty.backlog import Backlog
from sesh.vt.packed import PIECE, Packed

RETAINED, OF_JOB = 256 << 10, 1 << 20
"""Bytes that stay although every reader has passed them, for clients that come back; of a job for its result, too."""
_JOINED = 4 << 10
"""Bytes up to which small blocks are joined."""
IN_MEMORY, MOVED = 16 << 20, 1 << 20
"""Bytes that a log holds in memory, and how many more until the oldest of them are moved to disk at once."""
LARGEST = 1 << 30
"""Bytes that the emulator may be behind, which then lie on disk."""
_AGAIN = 1.0
"""Seconds after the disk took nothing until it is tried again."""
_UNREADABLE = b"\x18"
"""CAN, which ends any sequence, and NULs, which terminals ignore, stand for what cannot be read from the disk again."""


class OutputLog:
    """Blocks of bytes from position `base` up to `head`, counted from the session's first byte.

    The oldest lie on disk while there are too many for memory (see `Backlog`). `fault` notes what fails there.
    """

    def __init__(self, base: int = 0, fault: Callable[[str, Exception | None], None] = lambda *_: None) -> None:
        self.base = self.head = base
        self._fault = fault
        self.on_disk = False
        """True if they may: not without `persist`, nor while another process image is to take the log over, or may go
        back to the one before."""
        self._backlog: Backlog | None = None
        self._again_at = 0.0
        """Time (monotonic) at which the disk is tried again after it took nothing."""
        self.appended_at = 0.0
        """Time of the last append (monotonic)."""
        self.retained = RETAINED
        self._blocks: list[bytes | Packed] = []
        self._starts: list[int] = []
        self._unpacked: tuple[Packed, bytes] | None = None
        """The piece that was unpacked last, and its bytes: a reader usually goes on in it."""

    def restore(self, base: int, data: bytes) -> None:
        """Starts over with `data` at position `base`."""
        self.base = self.head = base
        self._blocks.clear()
        self._starts.clear()
        if data:
            self.append(data)

    def append(self, block: bytes) -> None:
        """Adds output of the program."""
        # Echoed keys come one by one: a block for each would cost many times its byte.
        last = self._blocks[-1] if self._blocks else b""
        if 0 < len(last) <= _JOINED - len(block) and isinstance(last, bytes):
            self._blocks[-1] = last + block
        else:
            self._blocks.append(block)
            self._starts.append(self.head)
        self.head += len(block)
        self.appended_at = time.monotonic()
        if self.head - self._starts[0] >= IN_MEMORY + MOVED and self.on_disk and self.appended_at >= self._again_at:
            self._move_oldest()

    @property
    def in_memory(self) -> int:
        """The position from which on the log lies in memory."""
        return self._starts[0] if self._starts else self.head

    @property
    def most(self) -> int:
        """Bytes that a reader may be behind: fewer where the disk takes none."""
        takes = self.on_disk and (not self._again_at or self._again_at <= time.monotonic())
        return LARGEST if takes else IN_MEMORY

    def _move_oldest(self) -> None:
        """Moves the oldest blocks from memory to disk. If that fails they stay, and it is tried again later."""
        try:
            if self._backlog is None:
                self._backlog = Backlog(self._starts[0], LARGEST)
            count = bisect_right(self._starts, self.head - IN_MEMORY) - 1
            oldest = (block if isinstance(block, bytes) else self._unpack(block) for block in self._blocks[:count])
            self._backlog.write(b"".join(oldest))
        except OSError as error:
            if not self._again_at and error.errno != errno.ENODEV:
                self._fault("the emulator's backlog cannot go to the disk, and the program waits", error)
            self._again_at = time.monotonic() + _AGAIN
        if self._backlog is not None:
            count = bisect_right(self._starts, self._backlog.end) - 1
            del self._blocks[:count]
            del self._starts[:count]

    def read(self, position: int, limit: int) -> list[memoryview]:
        """At most `limit` bytes from `position` on, as views, not copied. Raises LookupError outside the log."""
        if not self.base <= position <= self.head:
            raise LookupError(f"position {position} is not in {self.base}..{self.head}")
        views: list[memoryview] = []
        while self._backlog is not None and limit > 0 and position < self._backlog.end:
            views.append(memoryview(self._from_disk(self._backlog, position, limit)))
            limit -= len(views[-1])
            position += len(views[-1])
        index = bisect_right(self._starts, position) - 1
        while limit > 0 and 0 <= index < len(self._blocks):
            block = self._blocks[index]
            view = memoryview(block if isinstance(block, bytes) else self._unpack(block))
            view = view[position - self._starts[index] :][:limit]
            if view:
                views.append(view)
            limit -= len(view)
            position += len(view)
            index += 1
        return views

    def _from_disk(self, backlog: Backlog, position: int, limit: int) -> bytes:
        try:
            return backlog.read(position, limit)
        except OSError as error:
            self._fault("output that lay on the disk cannot be read again", error)
            return _UNREADABLE.ljust(min(limit, backlog.end - position), b"\0")

    def _unpack(self, piece: Packed) -> bytes:
        if self._unpacked is None or self._unpacked[0] is not piece:
            self._unpacked = piece, piece.unpacked()
        return self._unpacked[1]

    def bytes(self, start: int, end: int | None = None) -> bytes:
        """The bytes from `start` (or the oldest held after it) up to `end`, in one piece."""
        start, end = max(start, self.base), self.head if end is None else end
        return b"".join(self.read(start, end - start)) if start < end else b""

    def pack(self) -> None:
        """Compresses the whole log, in pieces; `read` unpacks the pieces that it needs."""
        pieces: list[bytearray | Packed] = []
        starts: list[int] = []
        for start, block in zip(self._starts, self._blocks, strict=True):
            last = pieces[-1] if pieces else None
            if isinstance(block, bytes) and isinstance(last, bytearray) and len(last) < PIECE:
                last += block
            else:
                pieces.append(bytearray(block) if isinstance(block, bytes) else block)
                starts.append(start)
        self._blocks = [Packed(piece) if isinstance(piece, bytearray) else piece for piece in pieces]
        self._starts = starts
        self._unpacked = None

    def trim(self, needed: int) -> None:
        """Drops the whole blocks before `needed`, but keeps the last `retained` bytes."""
        first = min(needed, self.head - self.retained)
        if self._backlog is not None:
            self._backlog.trim(first)
            self.base = self._backlog.start
            if self.base < self._backlog.end:
                return
            self._backlog.close()
            self._backlog = None
        count = bisect_right(self._starts, first) - 1
        if count > 0:
            del self._blocks[:count]
            del self._starts[:count]
            self.base = self._starts[0]
