"""Bytes at rest: what a session keeps and nobody looks at, made small once its output has gone quiet."""

from __future__ import annotations

import zlib

PIECE = 256 << 10
"""Bytes that are packed as one: as much is unpacked to read any of it."""
_LEVEL = 1  # the fastest: a log becomes a quarter with it, and hardly less with more


class Packed:
    """Bytes, compressed."""

    __slots__ = ("_data", "_size")

    def __init__(self, data: bytes | bytearray) -> None:
        self._data, self._size = zlib.compress(data, _LEVEL), len(data)

    def __len__(self) -> int:
        return self._size

    def unpacked(self) -> bytes:
        """The bytes as they were."""
        return zlib.decompress(self._data, bufsize=self._size)


class PackedLines:
    """Finished lines of a scrollback, in the manner of `Poured`; `bound` is no less than the bytes that they have."""

    __slots__ = ("_packed", "_skipped", "bound", "count")

    def __init__(self, lines: list[bytes]) -> None:
        self.count = len(lines)
        self.bound = sum(map(len, lines))
        self._packed = Packed(b"\n".join(lines))
        self._skipped = 0

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return sum(map(len, self.last(self.count)))

    def drop(self, count: int) -> None:
        """Forgets the oldest lines, fewer than there are."""
        self._skipped += count
        self.count -= count
        if self._skipped > self.count:
            lines = self.last(self.count)
            self.bound = sum(map(len, lines))
            self._packed = Packed(b"\n".join(lines))
            self._skipped = 0

    def last(self, count: int) -> list[bytes]:
        """The newest lines, oldest first."""
        lines = self._packed.unpacked().split(b"\n")
        return lines[len(lines) - count :]
