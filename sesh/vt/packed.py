"""Bytes compressed in memory: what a session holds and nobody reads, once its output has gone quiet."""

from __future__ import annotations

import zlib

PIECE = 256 << 10
"""Bytes that are compressed as one: to read any of them, all are decompressed."""
_LEVEL = 1  # the fastest; a log shrinks to a quarter, and other levels gain little


class Packed:
    """Compressed bytes."""

    __slots__ = ("_data", "_size")

    def __init__(self, data: bytes | bytearray) -> None:
        self._data, self._size = zlib.compress(data, _LEVEL), len(data)

    def __len__(self) -> int:
        return self._size

    def unpacked(self) -> bytes:
        """The bytes as they were."""
        return zlib.decompress(self._data, bufsize=self._size)


class PackedLines:
    """Finished lines of a scrollback, compressed: a `LineBlock`."""

    __slots__ = ("_packed", "_skipped", "count", "max_size")

    def __init__(self, lines: list[bytes]) -> None:
        self._set(lines)

    def _set(self, lines: list[bytes]) -> None:
        self.count = len(lines)
        self.max_size = sum(map(len, lines))
        self._packed = Packed(b"\n".join(lines))
        self._skipped = 0

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return sum(map(len, self.last(self.count)))

    def drop(self, count: int) -> None:
        """Forget the oldest lines; fewer than there are."""
        self._skipped += count
        self.count -= count
        if self._skipped > self.count:
            self._set(self.last(self.count))

    def last(self, count: int) -> list[bytes]:
        """The newest lines, oldest first."""
        lines = self._packed.unpacked().split(b"\n")
        return lines[len(lines) - count :]

    def take(self, count: int) -> list[bytes]:
        """Remove the newest lines, and return them, oldest first."""
        lines = self.last(self.count)
        self._set(lines[: self.count - count])
        return lines[len(lines) - count :]

    def pack(self) -> None:
        """They are packed already."""
