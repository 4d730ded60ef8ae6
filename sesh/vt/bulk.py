"""Bulk output: lines that only scroll by go to the scrollback as raw bytes, undrawn.

Output is split into head, lines and tail. Head and tail have as many lines as the screen has rows: the head brings the
cursor to the last row, the tail replaces the whole screen. The lines between them never stay on the screen; they are
drawn, on a screen of one row, only when somebody reads the scrollback; lines that it would drop are only counted. This
gives the same result if the lines contain only printable text, SGR, tabs, CR and CR LF, since then the pen is the only
state that one line passes to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sesh.vt.moves import default_tab_stops
from sesh.vt.parser import Parser
from sesh.vt.pen import Pen, apply_sgr
from sesh.vt.row import Row, blank
from sesh.vt.screen import Screen
from sesh.vt.scrollback import LINE_LIMIT, Block, Scrollback

SMALLEST = 4096  # bytes below which output is parsed as usual
_USUAL = 64 << 10  # bytes parsed as usual until bulk output is looked for again
_LONGEST_END = 16 << 10
"""Most bytes of head and tail each. With more, output is parsed as usual, because both are drawn without a deadline."""
_MOST_SGR = 10_000  # SGRs after the last reset, which all determine the pen; with more, less is parsed at once
_MOST_CELLS = 100_000  # of a screen; on a larger one, output is parsed as usual, because head and tail take too long
_BLOCK_BYTES, _BLOCK_LINES = 32 << 10, 256  # size of a block, which is drawn as a whole, in some milliseconds
_NARROWEST = 20  # columns below which output is parsed as usual: a block would have too many rows
_LONGEST_LINE = LINE_LIMIT // 8
"""Most bytes of a line. With a longer one, output is parsed as usual: a tab takes up to 8 columns of `LINE_LIMIT`."""

_END = b"\r\n"
_PLAIN = bytes((*range(0x20, 0x7F), *range(0x80, 0x100))) + b"\r\n\t\x1b"
_NOT_SGR = re.compile(rb"\x1b(?!\[[0-9;:]*m)")
_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")


class RawLines(Block):
    """A block of raw lines, each ended by CR LF. `pen`: the pen at the start of the first line."""

    __slots__ = ("_columns", "_pen")

    def __init__(self, data: bytes, pen: Pen, columns: int) -> None:
        super().__init__(data, data.count(_END), len(data))
        self._pen, self._columns = pen, columns

    def lines(self) -> list[str]:
        """Draw the lines on a screen of one row; return them as encoded texts, oldest first."""
        drawn = Scrollback(self.count, self.size * 100)
        screen = Screen(self._columns, 1, drawn)
        screen.pen = self._pen
        screen.rows = screen.blank_rows(1, self._pen.erased)
        Parser(screen).parse(self.data)
        return drawn.take()  # the screen is garbage in a cycle, which must not keep the lines until it is collected


class _Skipping(Scrollback):
    """Passes rows on to a scrollback, but drops the first `left`: the blank rows that the tail scrolls off."""

    def __init__(self, scrollback: Scrollback, left: int) -> None:
        super().__init__()
        self._real, self._left = scrollback, left

    def push(self, row: Row, line_continues: bool) -> bool:
        if self._left:
            self._left -= 1
            return False
        return self._real.push(row, line_continues)


def feed(parser: Parser, data: bytes, deadline: float | None = None) -> int:
    """Parse output as `Parser.parse` does, but bulk output faster; return the number of bytes parsed, at least one."""
    parts = _split(parser.screen, data) if len(data) >= SMALLEST else None
    if parts is None:
        return parser.parse(data[:_USUAL], deadline)
    head, lines, tail = parts
    parser.parse(head)
    if not _scroll_through(parser, lines, tail):
        return len(head) + parser.parse(data[len(head) : len(head) + _USUAL], deadline)
    return len(head) + len(lines) + len(tail)


def _split(screen: Screen, data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return head, lines and tail of the bulk output that `data` begins with; None if it is too short."""
    rows = screen.lines
    if rows * screen.columns > _MOST_CELLS:
        return None
    while data.count(b"\x1b", _last_reset(data)) > _MOST_SGR:
        data = data[: len(data) // 2]
    other = _NOT_SGR.search(data)
    if other is not None:
        data = data[: other.start()]
    *begin, rest = data.split(_END, rows)
    middle, *end = rest.rsplit(_END, rows + 1)
    if len(begin) < rows or len(end) < rows + 1 or len(middle) < len(data) // 2:
        return None
    end.pop()  # an unfinished line, for the next call
    head, lines, tail = _END.join([*begin, b""]), middle + _END, _END.join([*end, b""])
    is_short = len(head) <= _LONGEST_END and len(tail) <= _LONGEST_END
    return (head, lines, tail) if is_short and _is_plain(lines) and _is_plain(tail) else None


def _is_plain(data: bytes) -> bool:
    """Return whether lines have only text, escapes, tabs, CR and CR LF, and none is too long."""
    half = _LONGEST_LINE // 2  # if each half of this size has a line's end, no line is longer than the whole
    return (
        data.count(b"\n") == data.count(_END)
        and not data.translate(None, _PLAIN)
        and all(data.find(_END, start, start + half) >= 0 for start in range(0, len(data) - half, half))
    )


def _scroll_through(parser: Parser, lines: bytes, tail: bytes) -> bool:
    """Push `lines` to the scrollback and draw `tail`. Return False if the state of the screen does not allow it.

    The head must have been fed: it brings the cursor to an empty last row.
    """
    screen, scrollback = parser.screen, parser.screen.scrollback
    fresh = blank(screen.columns, screen.pen.erased)
    last = screen.rows[-1]
    if (
        screen.alternate
        or screen.columns < _NARROWEST
        or not scrollback.max_lines
        or (screen.top, screen.bottom, screen.narrow) != (0, screen.lines - 1, False)
        or not screen.draws_plainly
        or (screen.tabstops != default_tab_stops(screen.columns) and b"\t" in lines)
        or (screen.cursor.y, screen.cursor.x) != (screen.lines - 1, 0)
        or (last.text, last.pens, last.continues, last.prompt) != (fresh.text, fresh.pens, False, False)
        or parser.unfinished
    ):
        return False
    if screen.lines > 1:
        screen.scroll_up(screen.lines - 1)
    kept = _last_lines(lines, scrollback.max_lines)
    excess = lines[: len(lines) - len(kept)]
    if excess:
        scrollback.skip(excess.count(_END))
        screen.pen = _pen_after(screen.pen, excess)
    for part in _blocks(kept):
        scrollback.push_block(RawLines(part, screen.pen, screen.columns))
        screen.pen = _pen_after(screen.pen, part)
    screen.rows[-1] = blank(screen.columns, screen.pen.erased)
    screen.scrollback = _Skipping(scrollback, screen.lines - 1)
    try:
        parser.parse(tail)
    finally:
        screen.scrollback = scrollback
    return True


def _last_lines(lines: bytes, count: int) -> bytes:
    """Return the last `count` lines, or all if there are fewer."""
    before = lines.rsplit(_END, count + 1)
    return lines[len(before[0]) + len(_END) :] if len(before) == count + 2 else lines


def _blocks(lines: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(lines):
        end = lines.find(_END, start + _BLOCK_BYTES)
        part = lines[start : end + len(_END)] if end >= 0 else lines[start:]
        surplus = part.split(_END, _BLOCK_LINES)[_BLOCK_LINES:]  # what follows the first `_BLOCK_LINES` lines, if any
        part = part[: len(part) - sum(map(len, surplus))]
        yield part
        start += len(part)


def _pen_after(pen: Pen, data: bytes) -> Pen:
    """Return the pen after text with SGR; only SGRs after the last reset count."""
    for sgr in _SGR.findall(data, _last_reset(data)):
        pen = apply_sgr(pen, sgr.decode())
    return pen


def _last_reset(data: bytes) -> int:
    return max(data.rfind(b"\x1b[m"), data.rfind(b"\x1b[0m"), 0)
