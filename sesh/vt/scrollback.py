"""The scrollback: a ring of logical lines, bounded in lines and in bytes.

Rows that wrapped are joined, so that a line can be shown at any width. A line is kept as UTF-8 of its encoded text (see
`cell`), without trailing blanks. The newest line stays open as long as a row on the screen goes on with it. Bulk output
comes as blocks of lines that are rendered when they are read (see `fast_path`, `blocks`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypedDict

from sesh.vt.blocks import END, LineBlock
from sesh.vt.cell import DEFAULT, Cell, Encoder, Pen, apply_sgr, decode, with_link
from sesh.vt.row import Row, Wrapped, is_spacer


class ScrollbackState(TypedDict):
    """A scrollback as plain data. `open`: the line that may go on; `maybe_spacer`: the pen of a last blank cell."""

    max_lines: int
    max_bytes: int
    scrolled: int
    taken_back: int
    lines: list[str]
    open: str | None
    maybe_spacer: list[str] | None


LINE_LIMIT = 65536
"""Characters after which a line is ended: nothing that a program prints may grow without bound."""

PACKED_TOGETHER = 256
"""Single lines that are packed together."""
ENCODED_TOGETHER = 4096
"""Cells of a long line that are encoded at once."""
TAKEN_TOGETHER = 256
"""Lines of a block that are taken from it at once."""

MOST_RAW = 8 << 20
"""Bytes that raw lines may become when they are rendered. For more the oldest are rendered as others come: once the
scrollback is full all have to be, and that takes some milliseconds."""

PORTION = 256
"""Lines that are read at once."""

Line = bytes
"""A single line; within the class `bytes` is a property."""


class _OpenLine(Encoder):
    """The newest line, as long as it may go on. `maybe_spacer`: its last cell, as long as that may turn out to be a
    spacer."""

    def __init__(self) -> None:
        super().__init__()
        self.maybe_spacer: Cell | None = None
        self._measured = self._length = 0

    @property
    def length(self) -> int:
        """Its characters."""
        self._length += sum(map(len, self.parts[self._measured :]))
        self._measured = len(self.parts)
        return self._length


class Scrollback:
    """`lines` and `bytes`: what it holds now. `scrolled`: all lines that ever came in."""

    def __init__(self, max_lines: int = 10_000, max_bytes: int = 8 << 20) -> None:
        self.max_lines = max(0, max_lines)
        self.max_bytes = max(0, max_bytes)
        self._ring: deque[Line | LineBlock] = deque()
        self._raw: deque[LineBlock] = deque()
        """The blocks of raw lines among these."""
        self._finished = 0
        self.scrolled = 0
        self.revision = 0
        """Changed when lines go otherwise than as the oldest: what was read of them may have come anew."""
        self._taken_back = 0
        """Lines that a resize took back onto the screen: they were counted already when they scroll off again."""
        self._line_bytes = self._max_raw_bytes = 0
        """Bytes of all lines but raw ones, and what those of raw ones are at most."""
        self._open: _OpenLine | None = None

    @property
    def lines(self) -> int:
        """Logical lines, the open one included."""
        return self._finished + self.open

    @property
    def completed(self) -> int:
        """The number of the newest finished line, from 1 on; a line that a resize takes back keeps its own."""
        return self.scrolled - self._taken_back - self.open

    @property
    def first(self) -> int:
        """The number of lines before the oldest one that is held."""
        return self.completed - self._finished

    @property
    def bytes(self) -> int:
        """Bytes of all lines as they are held, without the overhead of Python's objects."""
        raw = sum(block.size for block in self._raw)
        return self._line_bytes + raw + (self._open.length if self._open else 0)

    @property
    def open(self) -> bool:
        """True if the next row may go on with the newest line."""
        return self._open is not None

    @property
    def end(self) -> tuple[Pen, str]:
        """The pen and the grapheme at the end of the open line."""
        return (self._open.pen, self._open.last) if self._open else (DEFAULT, "")

    def clear(self) -> None:
        """ED 3."""
        self._ring.clear()
        self._raw.clear()
        self._finished = self._line_bytes = self._max_raw_bytes = 0
        self._open = None
        self._taken_back = 0
        self.revision += 1

    # -- lines that come in -------------------------------------------------------------------------------

    def push(self, row: Row, continued: bool) -> bool:
        """Take a row in; `continued`: the next row goes on with its line. Returns whether the line is still open: if
        not, the next row begins a line whatever it was.

        A last blank that may be a spacer is held back until the next row decides on it (`_settle_spacer`).
        """
        if not self.max_lines:
            self.scrolled += not row.wrapped
            return False
        if not continued and self._open is None:
            if self._taken_back:
                self._count(1)
            else:
                self.scrolled += 1
            self._store(row.encoded().encode())
            return False
        if not row.wrapped or self._open is None:
            self.close()
            self._count(1)
            self._open = _OpenLine()
        line = self._open
        self._settle_spacer(row)
        spacer = continued and row.spacer and row.grapheme(len(row) - 1) == " "
        row.write(line, trimmed=not continued, spacer=spacer)
        if spacer:
            line.maybe_spacer = row.last()
        if continued and line.length < LINE_LIMIT:
            return True
        self.close()
        return False

    def push_rows(self, rows: list[Row], continued: bool) -> bool:
        """Take rows in, one after the other, as `push` does."""
        if not self.max_lines:
            self.scrolled += len(rows) - rows[0].wrapped
            return False
        start, still_open = 0, False
        while start < len(rows):
            row = rows[start]
            start += 1
            still_open = self.push(row, rows[start].wrapped if start < len(rows) else continued)
            if row.shared:
                same = start
                while same < len(rows) and rows[same] is row:
                    same += 1
                start += self._push_again(row, same - start - 1)
        return still_open

    def _push_again(self, row: Row, count: int) -> int:
        """Take in the row that came last up to `count` times more, if its text is the same each time; return the number
        of times."""
        if count <= 0:
            return 0
        if not row.wrapped:
            self._count(count)
            self._store(row.encoded().encode(), count)
            return count
        line = self._open
        if row.spacer or line is None:
            return 0
        encoder = Encoder(line.pen, line.last)
        row.write(encoder)
        text = str(encoder)
        if encoder.pen is not line.pen or encoder.last != line.last:
            return 0  # the next one would not begin as this one did
        count = min(count, (LINE_LIMIT - 1 - line.length) // len(text))  # `push` ends the line at its limit
        line.parts.append(text * count)
        return count

    def push_line(self, wrapped: Wrapped, rows: int) -> None:
        """Take in the first rows of a wrapped line, as `push` does one after the other.

        Many rows are encoded at once, fewer while their text would reach LINE_LIMIT, so that the line ends at the row
        at which `push` would end it.
        """
        if not self.max_lines:
            self.scrolled += rows
            return
        start, size = 0, wrapped.columns
        while start < rows:
            if self._open is None:
                self._count(1)
                self._open = _OpenLine()
            line = self._open
            room = LINE_LIMIT - line.length
            count = min(rows - start, max(1, min(room // size, ENCODED_TOGETHER // wrapped.columns)))
            while True:
                encoder = Encoder(line.pen, line.last)
                wrapped.write(encoder, start, start + count)
                text = str(encoder)
                size = max(1, len(text) // count)  # about that of a row
                if count == 1 or len(text) < room:
                    break
                count = max(1, min(count // 2, room // size))
            start += count
            line.parts.append(text)
            line.pen, line.last = encoder.pen, encoder.last
            full = line.length >= LINE_LIMIT
            if start == rows or full:
                line.maybe_spacer = wrapped.spacer(start - 1)
            if start == wrapped.rows or full:
                self.close()

    def push_block(self, block: LineBlock) -> None:
        """Take finished lines in, all at once."""
        self.close()
        self._count(block.count)
        self._ring.append(block)
        self._raw.append(block)
        self._finished += block.count
        self._max_raw_bytes += block.max_size
        self._evict()

    def settle(self, following: Row) -> bool:
        """Bring the newest line up to date with the first row of the screen, which may change from now on. Returns
        whether that row goes on with it."""
        if self._open is None:
            return False
        if not following.wrapped:
            self.close()
            return False
        cell = self._open.maybe_spacer
        if cell is not None and not is_spacer(cell, following):
            self._settle_spacer(following)
        return True

    def close(self) -> None:
        """End the open line: no row of the screen goes on with it."""
        if self._open is not None:
            self._settle_spacer(None)
            text = str(self._open)
            if self._open.pen is DEFAULT and text.endswith(" "):
                # Without the resets that only the blanks needed.
                text = text.rstrip(" ").removesuffix("\x1b[m").removesuffix("\x1b]8;;\x1b\\")
            self._open = None
            self._store(text.encode())

    def _count(self, lines: int) -> None:
        """Count lines that come in, except those that a resize had taken back."""
        again = min(lines, self._taken_back)
        self._taken_back -= again
        self.scrolled += lines - again

    def _settle_spacer(self, following: Row | None) -> None:
        """Decide on a last cell that was held back: it belongs to the line, unless a wide character that did not fit
        left it."""
        line = self._open
        if line is not None and line.maybe_spacer is not None:
            if following is None or not is_spacer(line.maybe_spacer, following):
                line.cells([line.maybe_spacer])
            line.maybe_spacer = None

    def _store(self, line: Line, count: int = 1) -> None:
        if count == 1:
            self._ring.append(line)
        else:
            self._ring.extend([line] * count)
        self._line_bytes += len(line) * count
        self._finished += count
        if self._finished > self.max_lines or self._line_bytes + self._max_raw_bytes > self.max_bytes:
            self._evict()

    # -- bounds -------------------------------------------------------------------------------------------

    def _evict(self) -> None:
        """Drop the oldest lines until the bounds are met."""
        while (over := self._finished - self.max_lines) > 0:
            self._drop_oldest(over)
        while self._max_raw_bytes > MOST_RAW or self._line_bytes + self._max_raw_bytes > self.max_bytes:
            if self._raw:
                self._render(self._raw.popleft())
            else:
                self._drop_oldest(1)

    def _drop_oldest(self, most: int) -> None:
        """Drop the oldest single line, or up to `most` lines of the oldest block."""
        first = self._ring.popleft()
        if isinstance(first, Line):
            self._line_bytes -= len(first)
            self._finished -= 1
        elif first.rendered:
            self._ring.extendleft(reversed(first.last(first.count)))
        else:
            gone = min(most, first.count)
            self._max_raw_bytes -= first.max_size
            self._finished -= gone
            if gone == first.count:
                self._raw.popleft()
            else:
                first.drop(gone)
                self._max_raw_bytes += first.max_size
                self._ring.appendleft(first)

    def _render(self, block: LineBlock) -> None:
        """Render a block of raw lines, for its exact size."""
        self._max_raw_bytes -= block.max_size
        block.render()
        self._line_bytes += block.max_size

    def pack(self) -> Iterator[None]:
        """Use less memory until somebody reads: pack the blocks, and the single lines as new ones. It goes on in short
        steps, and ends as soon as other lines have come or gone since the last one."""
        before = self._version
        ring: deque[Line | LineBlock] = deque()
        lines: list[Line] = []
        for entry in self._ring:
            if not isinstance(entry, Line):
                entry.pack()
            elif END not in entry:  # else it could not be told from several
                lines.append(entry)
                if len(lines) < PACKED_TOGETHER:
                    continue
                entry = LineBlock(END.join([*lines, b""]), len(lines))
                entry.pack()
                lines = []
            ring += [*lines, entry]
            lines = []
            yield
            if self._version != before:
                return
        self._ring = ring + deque(lines)

    @property
    def _version(self) -> tuple[int, int, int]:
        """Another one as soon as lines come or go."""
        return self.completed, self._finished, self.revision

    # -- lines that are read ------------------------------------------------------------------------------

    def _newest(self, count: int) -> list[Line]:
        """Return the newest finished lines, at most `count`, oldest first."""
        parts: list[list[Line]] = []
        for entry in reversed(self._ring):
            if count <= 0:
                break
            parts.append([entry] if isinstance(entry, Line) else entry.last(min(count, entry.count)))
            count -= len(parts[-1])
        return [line for part in reversed(parts) for line in part]

    def last(self, count: int) -> list[str]:
        """Return the newest `count` lines, oldest first; if `open`, the last of them is unfinished."""
        if count <= 0:
            return []
        open_line = [str(self._open)] if self._open is not None else []
        wanted = min(count - len(open_line), self._finished)
        return [line.decode() for line in self._newest(wanted)] + open_line

    def since(self, completed: int) -> Iterator[list[Line]]:
        """Return the lines held of those after the first `completed`, some at a time; more may come meanwhile."""
        entries: list[Line | LineBlock] = []
        count = min(self.completed - completed, self._finished)
        for entry in reversed(self._ring):
            if count <= 0:
                break
            entries.append(entry if isinstance(entry, Line) else entry.copy())
            count -= 1 if isinstance(entry, Line) else entry.count
        if count < 0:
            entries[-1].drop(-count)  # type: ignore[union-attr]  # it has more than one
        return _portions(entries)

    def take_back(self) -> str | None:
        """Remove the newest line, which a resize shows again; None if there is none."""
        if self._open is not None:
            line = str(self._open)
            self._open = None
        elif self._ring:
            raw = self._ring.pop()
            if not isinstance(raw, Line):
                if not raw.rendered:
                    self._render(self._raw.pop())
                newest = raw.take(min(raw.count, TAKEN_TOGETHER))
                if raw.count:
                    self._ring.append(raw)
                self._ring.extend(newest)
                raw = self._ring.pop()
            self._line_bytes -= len(raw)  # type: ignore[arg-type]  # it is a line now
            self._finished -= 1
            line = raw.decode()  # type: ignore[union-attr]
        else:
            return None
        self._taken_back += 1
        self.revision += 1
        return line

    # -- state --------------------------------------------------------------------------------------------

    def state(self) -> ScrollbackState:
        """All of it as plain data."""
        cell = self._open and self._open.maybe_spacer
        return {
            "max_lines": self.max_lines,
            "max_bytes": self.max_bytes,
            "scrolled": self.scrolled,
            "taken_back": self._taken_back,
            "lines": [line.decode() for line in self._newest(self._finished)],
            "open": None if self._open is None else str(self._open),
            "maybe_spacer": None if cell is None else [cell.pen.sgr, cell.pen.link],
        }

    def load(self, state: ScrollbackState) -> None:
        """Take over what `state` returned."""
        self.clear()
        for line in state["lines"]:
            self._store(line.encode())
        self.scrolled, self._taken_back = state["scrolled"], state["taken_back"]
        if state["open"] is not None:
            cells = decode(state["open"])
            self._open = _OpenLine()
            self._open.parts.append(state["open"])
            self._open.pen = cells[-1].pen if cells else DEFAULT
            self._open.last = next((cell.data for cell in reversed(cells) if cell.data), "")
            if state["maybe_spacer"] is not None:
                sgr, link = state["maybe_spacer"]
                self._open.maybe_spacer = with_link(apply_sgr(DEFAULT, sgr), link).space


def _portions(entries: list[Line | LineBlock]) -> Iterator[list[Line]]:
    """Yield the lines of entries, which come newest first and are consumed, oldest first."""
    singles: list[Line] = []
    while entries:
        entry = entries.pop()
        if isinstance(entry, Line):
            singles.append(entry)
        if singles and (len(singles) == PORTION or not entries or not isinstance(entries[-1], Line)):
            yield singles
            singles = []
        if not isinstance(entry, Line):
            yield from entry.portions(PORTION)
