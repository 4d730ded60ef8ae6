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
