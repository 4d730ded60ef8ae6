"""A numbered sequence of bytes, of which the oldest may have been dropped."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

_JOINED = 4 << 10  # bytes of the largest block that small blocks are joined to


class ByteLog:
    """Blocks of bytes from position `base` up to `head`, counted from the first byte ever appended."""

    def __init__(self, base: int = 0) -> None:
        self.base = self.head = base
        self._blocks: list[bytes] = []
        self._starts: list[int] = []

    def restore(self, base: int, data: bytes) -> None:
        """Hold `data` alone, which begins at position `base`."""
        self.base = self.head = base
        self._blocks.clear()
        self._starts.clear()
        if data:
            self.append(data)

    def append(self, block: bytes) -> None:
        """Append bytes at `head`."""
        # Join small blocks: echoed keys come one by one, and a block takes much more memory than one byte.
        size = len(block)
        last = self._blocks[-1] if self._blocks else b""
        if 0 < len(last) <= _JOINED - size:
            self._blocks[-1] = last + block
        else:
            self._blocks.append(block)
            self._starts.append(self.head)
        self.head += size

    def read(self, position: int, limit: int) -> list[bytes]:
        """Return at most `limit` bytes from `position`, in pieces. Raises LookupError outside the log."""
        if not self.base <= position <= self.head:
            raise LookupError(f"position {position} is not in {self.base}..{self.head}")
        end = min(position + limit, self.head)
        if position >= end:
            return []
        first = bisect_right(self._starts, position) - 1
        after = bisect_left(self._starts, end)
        pieces = self._blocks[first:after]  # a block is not copied if all of it is read
        pieces[-1] = pieces[-1][: end - self._starts[after - 1]]
        pieces[0] = pieces[0][position - self._starts[first] :]
        return pieces

    def content(self, start: int, end: int | None = None) -> bytes:
        """Return a copy of the bytes from `start` (at least `base`) up to `end`."""
        start = max(start, self.base)
        end = self.head if end is None else end
        return b"".join(self.read(start, end - start)) if start < end else b""

    def trim(self, needed: int) -> None:
        """Drop whole blocks before position `needed`."""
        count = bisect_right(self._starts, needed) - 1
        if count > 0:
            del self._blocks[:count]
            del self._starts[:count]
            self.base = self._starts[0]
