"""The scrollback: a ring of logical lines, limited in lines and in bytes.

Wrapped rows are joined, so that a line can be shown at any width. A finished line is an encoded text (see `encoded`).
While a row on the screen continues the newest line, that line is open and kept as rows. A line of `LINE_LIMIT` columns
is ended, and the next row begins another one. Bulk output comes as blocks of raw bytes, and as rows that are made of
raw bytes only if somebody reads them (see `bulk`); other lines are joined to blocks as they get older.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import Union

from sesh.vt.encoded import decode, encode
from sesh.vt.pen import DEFAULT
from sesh.vt.row import SPACER, Row, logical_line

LINE_LIMIT = 65536  # columns of the rows at which an open line is ended, so that storing it is a short step
_BLOCK_LINES = 256
_LEVEL = 1  # the fastest compression; others gain little


def max_rows(columns: int) -> int:
    """Return how many rows a line may have in the scrollback."""
    return max(1, LINE_LIMIT // columns)


class Packable:
    """Bytes that may be compressed."""

    __slots__ = ("_data", "_packed")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._packed = False

    @property
    def data(self) -> bytes:
        return zlib.decompress(self._data) if self._packed else self._data

    def pack(self) -> bool:
        """Compress the bytes; return False if they were compressed already."""
        if self._packed:
            return False
        self._data = zlib.compress(self._data, _LEVEL)
        self._packed = True
        return True


class Block(Packable):
    """Finished lines that are stored together: `count` lines in `size` bytes."""

    __slots__ = ("count", "size")

    def __init__(self, data: bytes, count: int, size: int) -> None:
        super().__init__(data)
        self.count = count
        self.size = size

    def lines(self) -> list[str]:
        """Return the lines as encoded texts, oldest first."""
        return self.data.decode().split("\n")


class HiddenRows(Packable, ABC):
    """Rows of one line, each of which continues the row above, that are made when somebody reads them.

    `count` rows, stored in `size` bytes.
    """

    def __init__(self, data: bytes, count: int) -> None:
        super().__init__(data)
        self.count = count
        self.size = len(data)

    @abstractmethod
    def rows(self) -> list[Row]:
        """Return the rows."""


Part = Union[Row, HiddenRows]


class LongLine(Block):
    """A line with hidden rows. Its other rows are kept as texts."""

    __slots__ = ("_parts",)

    def __init__(self, parts: list[Part]) -> None:
        self._parts = [part if isinstance(part, HiddenRows) else _StoredRow(part) for part in parts]
        super().__init__(b"", 1, sum(part.size for part in self._parts))

    def pack(self) -> bool:
        packed = [part.pack() for part in self._parts if isinstance(part, HiddenRows)]
        return any(packed)

    def lines(self) -> list[str]:
        rows: list[Row] = []
        for part in self._parts:
            rows += part.rows() if isinstance(part, HiddenRows) else [part.row()]
        return [encode(logical_line(rows))]


class _StoredRow:
    """A row as text."""

    __slots__ = ("_columns", "_ends_in_spacer", "_text", "size")

    def __init__(self, row: Row) -> None:
        self._columns = len(row)
        self._ends_in_spacer = row.text[-1] is SPACER
        self._text = encode(row)
        self.size = len(self._text.encode())

    def row(self) -> Row:
        row = decode(self._text)
        row.continues = True
        missing = self._columns - len(row)
        row.text += [" "] * missing
        row.pens += [DEFAULT] * missing
        if self._ends_in_spacer:
            row.text[-1] = SPACER
        return row


class Scrollback:
    """Lines, numbered from 0; a resize may take the newest back, which keeps its number.

    0 <= `first` <= `end` <= `scrolled`; the open line has the number `end`.
    """

    def __init__(self, max_lines: int = 10_000, max_bytes: int = 8 << 20) -> None:
        self.max_lines = max(0, max_lines)
        self.max_bytes = max(0, max_bytes)
        self.first = 0  # the number of the oldest line that is kept
        self.end = 0  # the number after the newest finished line
        self.scrolled = 0  # how many lines have ever come in, the open one included
        self.bytes = 0  # the size of the finished lines, without the overhead of Python's objects
        self._blocks: deque[Block] = deque()
        self._newest: list[bytes] = []  # finished lines after the blocks
        self._stored = 0  # how many lines both have; the first block may begin with dropped ones
        self._open: list[Part] = []  # the scrolled-off rows of the line that the screen's first row continues
        self.open_count = 0  # how many rows these are

    @property
    def count(self) -> int:
        """The number of logical lines, the open one included."""
        return self._after_open - self.first

    @property
    def _after_open(self) -> int:
        """The number after the newest line, the open one included."""
        return self.end + (self.open_count > 0)

    @property
    def open_rows(self) -> list[Row]:
        """The scrolled-off rows of the open line: that of the screen's first row."""
        rows: list[Row] = []
        for part in self._open:
            rows += part.rows() if isinstance(part, HiddenRows) else [part]
        self._open = [*rows]
        return rows

    def clear(self) -> None:
        """Drop all lines (ED 3)."""
        self.take_open()
        self.end = self.scrolled
        self._forget()

    def _forget(self) -> None:
        self._blocks.clear()
        self._newest = []
        self.bytes = self._stored = 0
        self.first = self.end

    def renumber(self, end: int) -> None:
        """Give the newest finished line the number before `end`, and renumber earlier lines accordingly."""
        self.first += end - self.end
        self.end = end
        self.scrolled = self._after_open

    def push(self, row: Row, line_continues: bool) -> bool:
        """Add a row; return whether its line stays open for the next row."""
        if not row.continues:
            self.close()
        if not self._open and not (line_continues and self.max_lines):
            self._store(encode(row))
            return False
        return self._push_part(row, 1, max_rows(len(row)), line_continues)

    def _push_part(self, part: Part, count: int, most: int, line_continues: bool) -> bool:
        self._open.append(part)
        self.open_count += count
        if line_continues and self.open_count < most:
            self._count(0)
            return True
        self.close()
        return False

    def push_hidden(self, rows: HiddenRows, most: int) -> None:
        """Add rows of the open line, which the next row continues, unless the line has `most` rows now."""
        self._push_part(rows, rows.count, most, True)

    def push_block(self, block: Block) -> None:
        self.close()
        self._push_block(block)

    def _push_block(self, block: Block) -> None:
        self._gather(len(self._newest))
        self._blocks.append(block)
        self.bytes += block.size
        self._count(block.count)

    def close(self) -> None:
        """End the open line."""
        if not self._open:
            return
        parts = self._open
        self._open = []
        self.open_count = 0
        rows = [part for part in parts if isinstance(part, Row)]
        if len(rows) == len(parts):
            self._store(encode(logical_line(rows)))
        else:
            self._push_block(LongLine(parts))

    def _store(self, text: str) -> None:
        line = text.encode()
        self._newest.append(line)
        self.bytes += len(line)
        if len(self._newest) >= 2 * _BLOCK_LINES:
            self._gather(_BLOCK_LINES)
        self._count(1)

    def _count(self, lines: int) -> None:
        """Count added lines, and drop the oldest lines beyond the limits."""
        self.end += lines
        self._stored += lines
        self.scrolled = max(self.scrolled, self._after_open)
        while self._blocks and (self._stored - self._blocks[0].count >= self.max_lines or self.bytes > self.max_bytes):
            block = self._blocks.popleft()
            self._stored -= block.count
            self.bytes -= block.size
        while not self._blocks and self._newest and (self._stored > self.max_lines or self.bytes > self.max_bytes):
            self._stored -= 1
            self.bytes -= len(self._newest.pop(0))
        self.first = max(self.first, self.end - min(self._stored, self.max_lines))

    def _gather(self, count: int) -> None:
        if lines := self._newest[:count]:
            del self._newest[:count]
            self._blocks.append(Block(b"\n".join(lines), count=len(lines), size=sum(map(len, lines))))

    def pack(self) -> Iterator[None]:
        """Compress the blocks, one in each step."""
        for block in list(self._blocks):
            if block.pack():
                yield

    def since(self, first: int) -> Iterator[list[str]]:
        """Yield the kept lines from number `first` on, in parts; lines may be added meanwhile."""
        return (block.lines()[some] for block, some in self._parts(first, self.end))

    def backwards(self, until: int) -> Iterator[list[str]]:
        """Yield parts of the finished lines before number `until`, newest first, each in order."""
        return (block.lines()[some] for block, some in reversed(self._parts(self.first, until)))

    def _parts(self, first: int, end: int) -> list[tuple[Block, slice]]:
        """Return the blocks with the lines from `first` to before `end`, and their slices."""
        parts = []
        first, end = max(first, self.first), min(end, self.end)
        at = self.end - self._stored
        newest = Block(b"\n".join(self._newest), len(self._newest), 0)
        for block in (*self._blocks, newest):
            if at < end and first < at + block.count:
                parts.append((block, slice(max(0, first - at), end - at)))
            at += block.count
        return parts

    def last(self, count: int) -> list[str]:
        return [line for part in self.since(self.end - count) for line in part]

    def take(self) -> list[str]:
        lines = [line for part in self.since(0) for line in part]
        self._forget()
        return lines

    def take_open(self) -> list[Row]:
        """Remove and return the rows of the open line."""
        rows = self.open_rows
        self._open = []
        self.open_count = 0
        return rows

    def take_back(self) -> str | None:
        """Remove and return the newest finished line, for a resize; None without one."""
        if self.end == self.first:
            return None
        if not self._newest:
            block = self._blocks.pop()
            self._newest = [line.encode() for line in block.lines()]
            self.bytes += sum(map(len, self._newest)) - block.size
        self.end -= 1
        self._stored -= 1
        line = self._newest.pop()
        self.bytes -= len(line)
        return line.decode()
