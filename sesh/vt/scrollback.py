"""The scrollback: a ring of logical lines, bounded in lines and in bytes.

Rows that wrapped are joined, so that a line can be shown at any width. A finished line is an encoded text (see
`encoded`). The newest line is open as long as a row on the screen goes on with it: it is kept as rows. Lines of a flood
come as blocks of raw output (see `bulk`), and older lines are put together to blocks too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from sesh.vt.encoded import encode
from sesh.vt.packed import Packed
from sesh.vt.row import Row, joined

LINE_LIMIT, _PEN = 65536, 12
"""Columns after which a line is ended, and those for which a pen counts: nothing may grow without bound."""
_TOGETHER = 256
"""Single lines that are put together to a block."""


class Block:
    """Finished lines that are held together: `count` lines in `size` bytes."""

    __slots__ = ("_data", "count", "size")

    def __init__(self, data: bytes, count: int, size: int) -> None:
        self._data: bytes | Packed = data
        self.count, self.size = count, size

    @property
    def data(self) -> bytes:
        """The bytes that hold them."""
        return self._data if isinstance(self._data, bytes) else self._data.unpacked()

    def pack(self) -> None:
        """Use less memory until somebody reads."""
        if isinstance(self._data, bytes):
            self._data = Packed(self._data)

    def lines(self) -> list[str]:
        """Return them as encoded texts, oldest first."""
        return self.data.decode().split("\n")

    def part(self, start: int, stop: int) -> list[str]:
        """Return some of them."""
        return self.lines()[start:stop]


class Scrollback:
    """Lines are numbered from 1 on as they come in; `scrolled` is the number of all that ever did."""

    def __init__(self, max_lines: int = 10_000, max_bytes: int = 8 << 20) -> None:
        self.max_lines, self.max_bytes = max(0, max_lines), max(0, max_bytes)
        self._blocks: deque[Block] = deque()
        self._skipped = 0
        """The oldest lines of the first block, which count no more."""
        self._newest: list[str] = []
        """Finished lines behind the blocks."""
        self.open_rows: list[Row] = []
        """The rows that have scrolled off of the line with which the screen's first row goes on."""
        self._weight = 0
        """Its columns, and a dozen for each pen in a row: so much it costs to encode it."""
        self._finished = self.scrolled = 0
        self.bytes = 0
        """Bytes of the finished lines, without the overhead of Python's objects."""
        self.revision = 0
        """Raised when lines vanish other than by age: readers start over."""
        self._taken_back = 0
        """Lines that a resize took back onto the screen: they were counted already when they scroll off again."""

    @property
    def lines(self) -> int:
        """Logical lines, the open one included."""
        return self._finished + self.open

    @property
    def open(self) -> bool:
        """True if the next row may go on with the newest line."""
        return bool(self.open_rows)

    @property
    def completed(self) -> int:
        """The number of the newest finished line; a line that a resize takes back keeps its own."""
        return self.scrolled - self._taken_back - self.open

    @property
    def first(self) -> int:
        """The number of lines before the oldest one that is held."""
        return self.completed - self._finished

    def clear(self) -> None:
        """Forget all lines (ED 3)."""
        self._blocks.clear()
        self._newest, self.open_rows = [], []
        self._skipped = self._finished = self.bytes = self._taken_back = self._weight = 0
        self.revision += 1

    def push(self, row: Row, goes_on: bool) -> bool:
        """Take a row in; `goes_on`: the next row continues its line. Return whether the line is open then.

        If it is not, the next row begins a line, whatever it was.
        """
        if not row.continues:
            self.close()
        if not self.open_rows:
            self._count(1)
            if not goes_on or not self.max_lines:
                self._store(encode(row))
                return False
        self.open_rows.append(row)
        self._weight += len(row) + _PEN * len(set(row.pens))
        if goes_on and self._weight < LINE_LIMIT:
            return True
        self.close()
        return False

    def push_block(self, block: Block) -> None:
        """Take finished lines in, all at once."""
        self.close()
        self._count(block.count)
        self._gather()
        self._blocks.append(block)
        self._finished += block.count
        self.bytes += block.size
        self._evict()

    def extend(self, lines: list[str]) -> None:
        """Take finished lines in, as encoded texts."""
        self._count(len(lines))
        for line in lines:
            self._store(line)

    def close(self) -> None:
        """End the open line: no row of the screen goes on with it."""
        if self.open_rows:
            rows, self.open_rows, self._weight = self.open_rows, [], 0
            self._store(encode(joined(rows)))

    def _count(self, lines: int) -> None:
        """Count lines that come in, except those that a resize had taken back."""
        again = min(lines, self._taken_back)
        self._taken_back -= again
        self.scrolled += lines - again

    def _store(self, line: str) -> None:
        self._newest.append(line)
        self._finished += 1
        self.bytes += len(line)
        if len(self._newest) >= 2 * _TOGETHER:
            self._gather(_TOGETHER)
        if self._finished > self.max_lines or self.bytes > self.max_bytes:
            self._evict()

    def _gather(self, count: int | None = None) -> None:
        """Put the oldest single lines together to a block."""
        lines = self._newest[:count]
        if lines:
            del self._newest[:count]
            self._blocks.append(Block("\n".join(lines).encode(), count=len(lines), size=sum(map(len, lines))))

    def _evict(self) -> None:
        """Drop the oldest lines until the bounds are met, from the bound of bytes on whole blocks."""
        while self._finished and self.bytes > self.max_bytes:
            self._drop(self._oldest(1))
        while (over := self._finished - self.max_lines) > 0:
            block = self._oldest(over)
            if over < block.count - self._skipped:
                self._skipped += over
                self._finished -= over
            else:
                self._drop(block)

    def _oldest(self, count: int) -> Block:
        """Return the oldest block; where there is none, `count` single lines become one."""
        if not self._blocks:
            self._gather(count)
        return self._blocks[0]

    def _drop(self, block: Block) -> None:
        self._blocks.popleft()
        self._finished -= block.count - self._skipped
        self.bytes -= block.size
        self._skipped = 0

    def pack(self) -> Iterator[None]:
        """Use less memory until somebody reads, in short steps."""
        self._gather()
        for block in list(self._blocks):
            block.pack()
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
        at = self.first - self._skipped
        for block in self._blocks:
            start, stop = max(first, self.first) - at, end - at
            if start < block.count and stop > 0:
                parts.append(partial(block.part, max(0, start), stop))
            at += block.count
        if newest := self._newest[max(0, first - at) : max(0, end - at)]:
            parts.append(lambda: newest)
        return parts

    def last(self, count: int) -> list[str]:
        """Return the newest `count` finished lines, oldest first."""
        lines: list[str] = []
        for part in self.backwards(self.completed):
            if len(lines) >= count:
                break
            lines = part + lines
        return lines[max(0, len(lines) - count) :]

    def take(self) -> list[str]:
        """Return all finished lines, oldest first, and forget them."""
        lines = self.last(self._finished)
        self._blocks.clear()
        self._newest = []
        self._skipped = self._finished = self.bytes = 0
        return lines

    def take_open(self) -> list[Row]:
        """Remove the rows of the open line, which a resize shows again, and return them."""
        rows, self.open_rows, self._weight = self.open_rows, [], 0
        if rows:
            self._note_taken_back()
        return rows

    def take_back(self) -> str | None:
        """Remove the newest finished line, which a resize shows again, and return it; None if there is none."""
        if not self._newest and self._blocks:
            block = self._blocks.pop()
            self._newest = block.lines()
            if not self._blocks:
                del self._newest[: self._skipped]
                self._skipped = 0
            self.bytes += sum(map(len, self._newest)) - block.size
        if not self._newest:
            return None
        line = self._newest.pop()
        self.bytes -= len(line)
        self._finished -= 1
        self._note_taken_back()
        return line

    def _note_taken_back(self) -> None:
        self._taken_back += 1
        self.revision += 1
