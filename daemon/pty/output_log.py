"""The program's output as one numbered sequence of bytes, which any number of readers read at their own positions."""

from __future__ import annotations

import time
from bisect import bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.packed import Packed

RETAINED, OF_JOB = 256 << 10, 1 << 20
"""Bytes that stay although every reader has passed them, for clients that come back; of a job for its result, too."""
_JOINED = 4 << 10
"""Bytes up to which small blocks are joined."""


class OutputLog:
    """Blocks of bytes from position `base` up to `head`, counted from the session's first byte."""

    def __init__(self, base: int = 0) -> None:
        self.base = self.head = base
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

    def read(self, position: int, limit: int) -> list[memoryview]:
        """At most `limit` bytes from `position` on, as views, not copied. Raises LookupError outside the log."""
        if not self.base <= position <= self.head:
            raise LookupError(f"position {position} is not in {self.base}..{self.head}")
        views: list[memoryview] = []
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
        from sesh.vt.packed import PIECE, Packed

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
        count = bisect_right(self._starts, first) - 1
        if count > 0:
            del self._blocks[:count]
            del self._starts[:count]
            self.base = self._starts[0]
