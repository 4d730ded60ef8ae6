"""The program's output: a numbered sequence of bytes, in which readers have positions."""

from __future__ import annotations

import time
from bisect import bisect_right

RETAINED = 256 << 10  # bytes kept although all readers have them, for clients that reconnect
JOB_RETAINED = 1 << 20  # bytes kept of a job's output, whose result contains them
MAX_LAG = 8 << 20  # bytes that the emulator may lag; at the limit, the program waits
_JOINED = 4 << 10  # bytes of the largest block that small blocks are joined to


class OutputLog:
    """Blocks of bytes from position `base` up to `head`, counted from the session's first byte."""

    def __init__(self, base: int = 0, *, job: bool = False) -> None:
        self.base = self.head = base
        self.appended_at = 0.0
        self._job = job
        self.whole = False  # keep `MAX_LAG` bytes, for a creator that may want the output from the first byte on
        self._blocks: list[bytes] = []
        self._starts: list[int] = []

    def restore(self, base: int, data: bytes) -> None:
        self.base = self.head = base
        self._blocks.clear()
        self._starts.clear()
        if data:
            self.append(data)

    def append(self, block: bytes) -> None:
        # Join small blocks: echoed keys come one by one, and a block takes much more memory than one byte.
        size = len(block)
        last = self._blocks[-1] if self._blocks else b""
        if 0 < len(last) <= _JOINED - size:
            self._blocks[-1] = last + block
        else:
            self._blocks.append(block)
            self._starts.append(self.head)
        self.head += size
        self.appended_at = time.monotonic()

    def read(self, position: int, limit: int) -> list[bytes]:
        """Return at most `limit` bytes from `position`, in pieces. Raises LookupError outside the log."""
        if not self.base <= position <= self.head:
            raise LookupError(f"position {position} is not in {self.base}..{self.head}")
        pieces: list[bytes] = []
        index = bisect_right(self._starts, position) - 1
        while limit > 0 and 0 <= index < len(self._blocks):
            start = position - self._starts[index]
            if piece := self._blocks[index][start : start + limit]:  # not copied if it is the whole block
                pieces.append(piece)
            limit -= len(piece)
            position += len(piece)
            index += 1
        return pieces

    def content(self, start: int, end: int | None = None) -> bytes:
        """Return a copy of the bytes from `start` (at least `base`) up to `end`."""
        start = max(start, self.base)
        end = self.head if end is None else end
        return b"".join(self.read(start, end - start)) if start < end else b""

    @property
    def retained(self) -> int:
        if self.whole:
            return MAX_LAG
        return JOB_RETAINED if self._job else RETAINED

    def trim(self, needed: int) -> None:
        """Drop whole blocks before `needed`, but keep the last `retained` bytes."""
        count = bisect_right(self._starts, min(needed, self.head - self.retained)) - 1
        if count > 0:
            del self._blocks[:count]
            del self._starts[:count]
            self.base = self._starts[0]
