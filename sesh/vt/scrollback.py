"""The scrollback: a ring of logical lines, bounded in lines and in bytes.

Rows that wrapped are joined, so that a line can be shown at any width. A finished line is an encoded text (see
`encoded`). The newest line is open as long as a row on the screen goes on with it: it is kept as rows. Lines of a flood
come as blocks of raw output (see `bulk`), and older lines are put together to blocks too.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator

from sesh.vt.encoded import encode
from sesh.vt.row import Row, joined

LINE_LIMIT, _PEN = 65536, 12
"""Columns after which a line is ended, and those for which a pen counts: nothing may grow without bound."""
_TOGETHER = 256
"""Single lines that are put together to a block."""
_LEVEL = 1
"""Of compression: the fastest; others gain little."""


class Block:
    """Finished lines that are held together: `count` lines in `size` bytes."""

    __slots__ = ("_data", "_packed", "count", "size")

    def __init__(self, data: bytes, count: int, size: int) -> None:
        self._data, self._packed = data, False
        self.count, self.size = count, size

    @property
    def data(self) -> bytes:
        return zlib.decompress(self._data) if self._packed else self._data

    def pack(self) -> bool:
        """Use less memory from now on; return whether it was not packed."""
        fresh = not self._packed
        if fresh:
            self._data, self._packed = zlib.compress(self._data, _LEVEL), True
        return fresh

    def lines(self) -> list[str]:
        """Return them as encoded texts, oldest first."""
        return self.data.decode().split("\n")


class Scrollback:
    """Lines are numbered from 1 on as they come in. A line that a resize takes back onto the screen keeps its number.

    `completed`: the number of the newest finished line. `first`: the number of lines before the oldest one that counts.
    `scrolled`: the number of all lines that ever came in. `bytes`: of the finished lines, without the overhead of
    Python's objects. `revision`: raised when lines vanish other than by age: readers start over.
    """

    def __init__(self, max_lines: int = 10_000, max_bytes: int = 8 << 20) -> None:
        self.max_lines, self.max_bytes = max(0, max_lines), max(0, max_bytes)
        self.completed = self.first = self.scrolled = self.bytes = self.revision = 0
        self._blocks: deque[Block] = deque()
        self._base = 0
        """The number of lines before the first block, which may begin with lines that count no more."""
        self._newest: list[str] = []
        """Finished lines behind the blocks."""
        self.open_rows: list[Row] = []
        """The rows that have scrolled off of the line with which the screen's first row goes on."""
        self._weight = 0
        """Its columns, and a dozen for each pen in a row: so much it costs to encode it."""

    @property
    def lines(self) -> int:
        """Logical lines, the open one included."""
        return self.completed - self.first + self.open

    @property
    def open(self) -> bool:
        """True if the next row may go on with the newest line."""
        return bool(self.open_rows)

    def clear(self) -> None:
        """Forget all lines (ED 3)."""
        self.open_rows, self._weight = [], 0
        self.completed = self.scrolled
        self._forget()
        self.revision += 1

    def _forget(self) -> None:
        self._blocks.clear()
        self._newest, self.bytes = [], 0
        self.first = self._base = self.completed

    def renumber(self, completed: int) -> None:
        """Give the newest finished line this number, and those before it the numbers before that."""
        more, self.completed = completed - self.completed, completed
        self.first += more
        self._base += more
        self.scrolled = completed + self.open

    def push(self, row: Row, goes_on: bool) -> bool:
        """Take a row in; `goes_on`: the next row continues its line. Return whether the line is open then.

        If it is not, the next row begins a line, whatever it was.
        """
        if not row.continues:
            self.close()
        if not self.open_rows and not (goes_on and self.max_lines):
            self._store(encode(row))
            return False
        self.open_rows.append(row)
        self._weight += len(row) + _PEN * len(set(row.pens))
        if goes_on and self._weight < LINE_LIMIT:
            self._count(0)
            return True
        self.close()
        return False

    def push_block(self, block: Block) -> None:
        """Take finished lines in, all at once."""
        self.close()
        self._gather(len(self._newest))
        self._blocks.append(block)
        self.bytes += block.size
        self._count(block.count)

    def close(self) -> None:
        """End the open line: no row of the screen goes on with it."""
        if rows := self.open_rows:
            self.open_rows, self._weight = [], 0
            self._store(encode(joined(rows)))

    def _store(self, line: str) -> None:
        self._newest.append(line)
        self.bytes += len(line)
        if len(self._newest) >= 2 * _TOGETHER:
            self._gather(_TOGETHER)
        self._count(1)

    def _count(self, lines: int) -> None:
        """Count finished lines that have come in, and drop the oldest ones beyond the bounds, from that of bytes on
        whole blocks."""
        self.completed += lines
        self.scrolled = max(self.scrolled, self.completed + self.open)
        first = max(self.first, self.completed - self.max_lines)
        while self._blocks and (self._base + self._blocks[0].count <= first or self.bytes > self.max_bytes):
            block = self._blocks.popleft()
            self._base += block.count
            self.bytes -= block.size
        while not self._blocks and self._newest and (self._base < first or self.bytes > self.max_bytes):
            self._base += 1
            self.bytes -= len(self._newest.pop(0))
        self.first = max(first, self._base)

    def _gather(self, count: int) -> None:
        """Put the oldest single lines together to a block."""
        if lines := self._newest[:count]:
            del self._newest[:count]
            self._blocks.append(Block("\n".join(lines).encode(), count=len(lines), size=sum(map(len, lines))))

    def pack(self) -> Iterator[None]:
        """Use less memory until somebody reads, in short steps."""
        for block in list(self._blocks):
            if block.pack():
                yield

    def since(self, completed: int) -> Iterator[list[str]]:
        """Return the lines held of those after the first `completed`, some at a time; more may come meanwhile."""
        return (read() for read in self._parts(completed, self.completed))

    def backwards(self, until: int) -> Iterator[list[str]]:
        """Return the finished lines up to number `until`, the newest ones first, but each portion in its order."""
        return (read() for read in reversed(self._parts(self.first, until)))

    def _parts(self, first: int, end: int) -> list[Callable[[], list[str]]]:
        """Return functions that read the lines after number `first`, up to `end`, each of them one portion."""
        parts: list[Callable[[], list[str]]] = []
        first, at = max(first, self.first), self._base
        for block in self._blocks:
            if at < end and first < at + block.count:
                some = slice(max(0, first - at), end - at)
                parts.append(lambda block=block, some=some: block.lines()[some])  # type: ignore[misc]
            at += block.count
        if newest := self._newest[max(0, first - at) : max(0, end - at)]:
            parts.append(lambda: newest)
        return parts

    def last(self, count: int) -> list[str]:
        """Return the newest `count` finished lines, oldest first."""
        return [line for part in self.since(self.completed - count) for line in part]

    def take(self) -> list[str]:
        """Return all finished lines, oldest first, and forget them."""
        lines = self.last(self.completed)
        self._forget()
        return lines

    def take_open(self) -> list[Row]:
        """Remove the rows of the open line, which a resize shows again, and return them."""
        rows, self.open_rows, self._weight = self.open_rows, [], 0
        self.revision += bool(rows)
        return rows

    def take_back(self) -> str | None:
        """Remove the newest finished line, which a resize shows again, and return it; None if there is none."""
        if self.completed == self.first:
            return None
        if not self._newest:
            block = self._blocks.pop()
            self._newest = block.lines()
            self.bytes += sum(map(len, self._newest)) - block.size
        self.revision += 1
        self.completed -= 1
        line = self._newest.pop()
        self.bytes -= len(line)
        return line
