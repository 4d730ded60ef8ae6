"""The program's output as one numbered sequence of bytes, with any number of readers at positions of their own."""

from __future__ import annotations

import time
from bisect import bisect_right

RETAINED = 256 << 10
"""Bytes kept although every reader has passed them: for `--print` and for clients that come back."""
_JOINED = 4 << 10
"""Bytes up to which small blocks are joined."""


class Stream:
    """Blocks of bytes from position `base` up to `head`, counted from the session's birth."""

    def __init__(self, base: int = 0) -> None:
        self.base = self.head = base
        self.touched = 0.0
        """When something was added last (monotonic)."""
        self._blocks: list[bytes] = []
        self._starts: list[int] = []

    def restore(self, base: int, data: bytes) -> None:
        """Begins anew with `data` at position `base`."""
        self.base = self.head = base
        self._blocks.clear()
        self._starts.clear()
        if data:
            self.append(data)

    def append(self, block: bytes) -> None:
        """Adds what the program has written."""
        # Echoed keys come one by one: a block for each would cost many times its byte.
        if self._blocks and len(self._blocks[-1]) + len(block) <= _JOINED:
            self._blocks[-1] += block
        else:
            self._blocks.append(block)
            self._starts.append(self.head)
        self.head += len(block)
        self.touched = time.monotonic()

    def read(self, position: int, limit: int) -> list[memoryview]:
        """At most `limit` bytes from `position` on, as views of the blocks, uncopied; none at the head.

        Raises LookupError where the position is no longer, or not yet, held.
        """
        if not self.base <= position <= self.head:
            raise LookupError(f"position {position} is not in {self.base}..{self.head}")
        views: list[memoryview] = []
        at = bisect_right(self._starts, position) - 1
        while limit > 0 and 0 <= at < len(self._blocks):
            view = memoryview(self._blocks[at])[position - self._starts[at] :][:limit]
            if view:
                views.append(view)
            limit -= len(view)
            position += len(view)
            at += 1
        return views

    def bytes(self, start: int, end: int | None = None) -> bytes:
        """The bytes from `start` (or the oldest held after it) up to `end`, in one piece."""
        start = max(start, self.base)
        return b"".join(self.read(start, (self.head if end is None else end) - start))

    def trim(self, needed: int) -> None:
        """Forgets whole blocks that lie before `needed` and before the last `RETAINED` bytes."""
        keep = min(needed, self.head - RETAINED)
        gone = bisect_right(self._starts, keep) - 1
        if gone > 0:
            del self._blocks[:gone]
            del self._starts[:gone]
            self.base = self._starts[0]
