"""Bulk output: lines that only scroll by go to the scrollback as raw bytes, unparsed.

It begins with the cursor at the start of an empty last row, and has only lines of printable text, SGR, tabs, CR and
CR LF. So the screen scrolls off, and the last lines replace it: the tail. The lines before the tail go to the
scrollback; they are parsed, on a screen of one row, when somebody reads them there. The tail is parsed when somebody
looks at the screen, or when other output follows; more bulk output sends it to the scrollback unparsed. The order of
parsing changes nothing, since the pen is the only state that one line passes to the next.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from sesh.vt.grammar import SGR
from sesh.vt.moves import default_tab_stops
from sesh.vt.parser import Parser
from sesh.vt.pen import Pen, apply_sgr
from sesh.vt.row import Row, blank
from sesh.vt.screen import Screen
from sesh.vt.scrollback import LINE_LIMIT, Block, Scrollback

SMALLEST = 4096  # bytes below which output is parsed as usual
USUAL = 16 << 10  # bytes parsed as usual until bulk output is looked for again
_LONGEST_TAIL = 16 << 10  # bytes; with a longer tail output is parsed as usual: the tail has no deadline
_BLOCK = 16 << 10  # bytes of a block, which is parsed as a whole, in some milliseconds
_BLOCK_LINES = 128  # of a block: a line of a few bytes can still be a row of 1,000 coloured cells
_NARROWEST = 20  # columns below which output is parsed as usual: a block would have too many rows
_LONGEST_LINE = LINE_LIMIT // 8  # bytes; with a longer line output is parsed as usual: a tab takes up to 8 columns

_END = b"\r\n"
_TEXT = bytes((*range(0x20, 0x7F), *range(0x80, 0x100))) + b"\t"
_NOT_SGR = re.compile(rb"\x1b(?!\[[0-9;:]*m)")
_SGR = re.compile(SGR.encode())
_TO_LAST_RESET = re.compile(rb".*(\x1b\[0?m)", re.DOTALL)


class RawLines(Block):
    """A block of raw lines, each ended by CR LF; the first begins with `pen`."""

    __slots__ = ("_columns", "_pen")

    def __init__(self, data: bytes, pen: Pen, columns: int) -> None:
        super().__init__(data, data.count(b"\n"), len(data))
        self._pen = pen
        self._columns = columns

    def lines(self) -> list[str]:
        scrollback = Scrollback(self.count, sys.maxsize)  # blank lines of a coloured background are large
        screen = Screen(self._columns, 1, scrollback)
        screen.pen = self._pen
        screen.rows = screen.blank_rows(1, self._pen.erased)
        Parser(screen).parse(self.data)
        return scrollback.take()


class _Skipping(Scrollback):
    """Passes rows on to a scrollback, except the blank ones that the tail scrolls off."""

    def __init__(self, scrollback: Scrollback, left: int) -> None:
        super().__init__()
        self._real = scrollback
        self._left = left  # how many rows to leave out

    def push(self, row: Row, line_continues: bool) -> bool:
        if self._left:
            self._left -= 1
            return False
        return self._real.push(row, line_continues)


class Bulk:
    """Feeds all output to a parser; of bulk output, only the tail."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._tail = b""  # the tail until it is parsed; meanwhile the screen is blank

    def feed(self, data: bytes, deadline: float | None = None) -> int:
        """Parse as `Parser.parse` does, or push bulk output; return the number of bytes taken."""
        if len(data) >= SMALLEST and self._scrolls(b"\t" in data):
            bulk = _bulk_part(data)
            parts = _split(self._tail + bulk, self._parser.screen.height) if bulk else None
            if parts is not None:
                self._push(*parts)
                return len(bulk)
        self.parse_tail()
        # Stop at the end of a line, where bulk output can begin.
        return self._parser.parse(data[: data.rfind(b"\n", 0, USUAL) + 1 or USUAL], deadline)

    def parse_tail(self) -> None:
        if not self._tail:
            return
        tail = self._tail
        self._tail = b""
        screen = self._parser.screen
        scrollback = screen.scrollback
        screen.rows[-1] = blank(screen.columns, screen.pen.erased)
        screen.scrollback = _Skipping(scrollback, screen.height - 1)
        try:
            self._parser.parse(tail)
        finally:
            screen.scrollback = scrollback

    def _scrolls(self, with_tabs: bool) -> bool:
        """Return whether bulk output can begin or go on in the screen's state."""
        screen = self._parser.screen
        if with_tabs and screen.tabstops != default_tab_stops(screen.columns):
            return False
        if self._tail:
            return True
        fresh = blank(screen.columns, screen.pen.erased)
        last = screen.rows[-1]
        return (
            not screen.alternate
            and screen.columns >= _NARROWEST
            and screen.scrollback.max_lines > 0
            and (screen.top, screen.bottom, screen.narrow) == (0, screen.height - 1, False)
            and screen.prints_plainly
            and (screen.cursor.y, screen.cursor.x) == (screen.height - 1, 0)
            and (last.text, last.pens, last.continues, last.prompt) == (fresh.text, fresh.pens, False, False)
            and not self._parser.unfinished
        )

    def _push(self, lines: bytes, tail: bytes) -> None:
        screen = self._parser.screen
        if not self._tail and screen.height > 1:
            screen.scroll_up(screen.height - 1)
        for part in _blocks(lines):
            screen.scrollback.push_block(RawLines(part, screen.pen, screen.columns))
            screen.pen = _pen_after(screen.pen, part)
        self._tail = tail


def _bulk_part(data: bytes) -> bytes:
    """Return the bulk output that `data` begins with, as whole lines."""
    other = _NOT_SGR.search(data)
    end = data.rfind(_END, 0, other.start() if other is not None else len(data))
    lines = data[: end + len(_END)] if end >= 0 else b""
    controls = lines.translate(None, _TEXT)
    plain = not controls.translate(None, b"\r\n\x1b") and controls.count(b"\n") == lines.count(_END)
    return lines if plain and _has_short_lines(lines) else b""


def _split(data: bytes, rows: int) -> tuple[bytes, bytes] | None:
    """Return lines and tail, or None if the output cannot be treated as bulk output."""
    lines, *tail = data.rsplit(_END, rows + 1)
    start = len(lines) + len(_END)
    return (data[:start], data[start:]) if len(tail) > rows and len(data) - start <= _LONGEST_TAIL else None


def _has_short_lines(data: bytes) -> bool:
    """Return whether no line has more than `_LONGEST_LINE` bytes; False also for some shorter lines."""
    half = _LONGEST_LINE // 2  # if each half of this size has a line's end, no line is longer than the whole
    return all(data.find(_END, start, start + half) >= 0 for start in range(0, len(data) - half, half))


def _blocks(lines: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(lines):
        end = lines.rfind(_END, start, start + _BLOCK) + len(_END)  # no line is as long as a block
        end -= len(lines[start:end].split(_END, _BLOCK_LINES)[-1])
        yield lines[start:end]
        start = end


def _pen_after(pen: Pen, data: bytes) -> Pen:
    if b"\x1b" in data:
        to_reset = _TO_LAST_RESET.match(data)
        for sgr in _SGR.findall(data, to_reset.start(1) if to_reset else 0):
            pen = apply_sgr(pen, sgr.decode())
    return pen
