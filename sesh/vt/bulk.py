"""Bulk output: text that only scrolls by goes to the scrollback as raw bytes, unparsed.

It is printable text, SGR, tabs and CR, of which only the end is left on the screen: the tail. The text before the tail
goes to the scrollback; it is parsed, on a screen of one row, when somebody reads it there. The tail is parsed when
somebody looks at the screen, or when other output follows; more bulk output sends it to the scrollback unparsed. The
order of parsing changes nothing, since the pen is the only state that one row passes to the next.

Of lines, the tail is the last ones; before the first one the cursor is at the start of an empty last row. Of a long
line, without a line feed, the tail is the last rows; where a row begins is computed (see `wrapping`).
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from sesh.vt.grammar import SGR
from sesh.vt.graphemes import NARROW
from sesh.vt.moves import default_tab_stops
from sesh.vt.parser import Parser
from sesh.vt.pen import Pen, apply_sgr
from sesh.vt.row import SPACER, STUB, Row, blank
from sesh.vt.screen import Screen
from sesh.vt.scrollback import LINE_LIMIT, Block, HiddenRows, Scrollback, max_rows
from sesh.vt.wrapping import Wraps, without_overwritten

SMALLEST = 4096  # bytes below which output is parsed as usual
USUAL = 16 << 10  # bytes parsed as usual until bulk output is looked for again
_MAX_TAIL = 16 << 10  # bytes; with a longer tail output is parsed as usual: the tail has no deadline
_BLOCK = 16 << 10  # bytes of a block, which is parsed as a whole, in some milliseconds
_BLOCK_LINES = 128  # of a block: a line of a few bytes can still be a row of 1,000 coloured cells
_NARROWEST = 20  # columns below which output is parsed as usual: a block would have too many rows
_MAX_LINE = LINE_LIMIT // 16  # bytes of a line among others, so that it is one in the scrollback: a tab takes 8 columns

_END = b"\r\n"
_TEXT = bytes((*range(0x20, 0x7F), *range(0x80, 0x100))) + b"\t"
_NOT_SGR = re.compile(rb"\x1b(?!\[[0-9;:]*m)")
_SGR = re.compile(SGR.encode())
_SMALLEST_LONG = 4 << 10  # bytes of one line below which it is parsed as usual
_SMALLEST_MORE = 1 << 10  # bytes of its continuation
_MAX_HIDDEN = 256 << 10  # bytes of rows that are hidden together, and made in some milliseconds
_OTHER = re.compile(rb"[^\t\r\x1b\x20-\x7e\x80-\xff]")
_UNFINISHED_CHARACTER = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")  # UTF-8
_NARROW = re.compile(f"[{NARROW}]*")
_SGR_OF_TEXT = re.compile(SGR)
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


class RawRows(HiddenRows):
    """Rows of a long line as raw bytes, which are followed by the first character of the next row.

    The first row begins with `pen`, and continues the line of the row above it unless it `begins` a line. Only the next
    row tells whether a row ends in a spacer.
    """

    def __init__(self, data: bytes, count: int, pen: Pen, columns: int, *, begins: bool) -> None:
        super().__init__(data, count)
        self._pen = pen
        self._columns = columns
        self._begins = begins

    def rows(self) -> list[Row]:
        data = self.data
        text = data.decode("utf-8", "replace")
        if _NARROW.fullmatch(_SGR_OF_TEXT.sub("", text)):
            return self._full_rows(text)
        collected = _Collecting()
        screen = Screen(self._columns, 1, collected)
        screen.pen = self._pen
        screen.rows = [blank(self._columns, self._pen.erased, continues=not self._begins)]
        Parser(screen).parse(data)
        return collected.rows

    def _full_rows(self, text: str) -> list[Row]:
        """Return the rows of characters of one column, which fill each row, and SGR."""
        pen = self._pen
        graphemes: list[str] = []
        pens: list[Pen] = []
        first, *others = _SGR_OF_TEXT.split(text)
        graphemes += first
        pens += [pen] * len(first)
        for parameters, part in zip(others[::2], others[1::2]):
            pen = apply_sgr(pen, parameters)
            graphemes += part
            pens += [pen] * len(part)
        columns = self._columns
        return [
            Row(graphemes[at : at + columns], pens[at : at + columns], continues=at > 0 or not self._begins)
            for at in range(0, self.count * columns, columns)
        ]


class _Collecting(Scrollback):
    """Keeps rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def push(self, row: Row, line_continues: bool) -> bool:
        self.rows.append(row)
        return line_continues


class _Skipping(Scrollback):
    """Passes rows on to a scrollback, except the blank ones that the tail scrolls off."""

    def __init__(self, scrollback: Scrollback, left: int) -> None:
        super().__init__()
        self._real = scrollback
        self._left = left  # how many rows to leave out

    def push(self, row: Row, line_continues: bool) -> bool:
        if self._left:
            self._left -= 1
            return line_continues
        return self._real.push(row, line_continues)


class ScrollState(NamedTuple):
    """What has scrolled off the main screen, and what begins on it.

    `scrolled`: how many lines have ever left it, the open one included; `first_line`: the number of the first line that
    begins on it, fewer than `scrolled` where a window that grew took lines back; `on_screen`: the lines that begin on
    it above the cursor's; `open_rows`: the rows above it of the line that its first row continues.
    """

    scrolled: int
    first_line: int
    on_screen: int
    open_rows: int


def _begun_above_cursor(screen: Screen) -> int:
    """Count the lines that begin on the main screen above the cursor's."""
    row = screen.other.saved.row if screen.alternate else screen.cursor.y
    return max(0, [each.continues for each in screen.main_rows[: row + 1]].count(False) - 1)


class Bulk:
    """Feeds output to the parser. Of bulk output, only the last screenful is parsed."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._tail = b""  # the tail until it is parsed; meanwhile the screen is blank
        self._in_line = False  # the tail is of a long line
        self._usual = 0  # bytes that are parsed as usual until the next search for a long line

    def feed(self, data: bytes, deadline: float | None = None) -> int:
        """Parse as `Parser.parse` does, or push bulk output; return the number of bytes taken."""
        if len(data) >= (_SMALLEST_MORE if self._tail else SMALLEST) and (
            taken := self._feed_lines(data) or self._feed_line(data)
        ):
            return taken
        self.parse_tail()
        # Stop at the end of a line, where bulk output can begin.
        taken = self._parser.parse(data[: data.rfind(b"\n", 0, USUAL) + 1 or USUAL], deadline)
        self._usual = max(0, self._usual - taken)
        return taken

    def parse_tail(self) -> None:
        if not self._tail:
            return
        tail = self._tail
        self._tail = b""
        screen = self._parser.screen
        scrollback = screen.scrollback
        screen.rows[-1] = blank(
            screen.columns, screen.pen.erased, continues=self._in_line and scrollback.open_count > 0
        )
        self._in_line = False
        screen.scrollback = _Skipping(scrollback, screen.height - 1)
        try:
            self._parser.parse(tail)
        finally:
            screen.scrollback = scrollback

    def scroll_state(self) -> ScrollState:
        """Return what has scrolled off, as after `parse_tail`, which is needed only if that cannot be computed."""
        screen = self._parser.screen
        scrollback = screen.scrollback
        tail = self._tail
        if not tail or self._in_line:  # the tail of a long line is one screenful of rows
            first = scrollback.end + (scrollback.open_count > 0)
            above = 0 if tail else _begun_above_cursor(screen)
            return ScrollState(scrollback.scrolled, first, above, scrollback.open_count)
        lines = tail.decode("utf-8", "replace").split("\r\n")
        wraps = [Wraps(line, screen.columns, 0) for line in lines]
        if any(each.end < len(line) for each, line in zip(wraps, lines)):
            self.parse_tail()
            return self.scroll_state()
        rows = sum(len(each) + 1 for each in wraps) - screen.height  # that scroll off
        finished = 0
        while rows > len(wraps[finished]):
            rows -= len(wraps[finished]) + 1
            finished += 1
        first = scrollback.end + finished + (rows > 0)
        above = max(0, len(lines) - finished - (rows > 0) - 1)
        return ScrollState(max(scrollback.scrolled, first), first, above, rows)

    def _feed_lines(self, data: bytes) -> int:
        """Push the lines that `data` begins with; return their bytes, 0 unless they are bulk output."""
        if self._in_line or not self._scrolls(b"\t" in data):
            return 0
        begun = len(self._tail) - (self._tail.rfind(_END) + len(_END)) if self._tail else 0
        if begun + data.find(_END) > _MAX_LINE:
            return 0
        bulk = _bulk_part(data)
        parts = _split(self._tail + bulk, self._parser.screen.height) if bulk else None
        if parts is None:
            return 0
        self._push(*parts)
        return len(bulk)

    def _feed_line(self, data: bytes) -> int:
        """Push the text without a line feed that `data` begins with; return its bytes, 0 unless it is bulk output."""
        if self._usual:
            return 0
        part = _text_part(data)
        if len(part) < (_SMALLEST_MORE if self._in_line else _SMALLEST_LONG) or (
            b"\t" in part and not self._has_default_tab_stops()
        ):
            return 0
        if not self._in_line:
            self.parse_tail()
            if not self._wraps_at_bottom():
                return 0
        screen = self._parser.screen
        decoded, taken = codecs.utf_8_decode(part, "replace", False)
        text = self._tail.decode() + decoded if self._in_line else decoded
        before = len(text) - len(decoded)
        wraps = Wraps(text, screen.columns, screen.columns if self._in_line else screen.cursor.x)
        count = len(wraps) - screen.height  # of rows that scroll off
        if count < 1 or wraps.end <= before:
            if not (self._in_line or len(wraps)) and wraps.end == len(text) and self._print_over(text):
                return taken
            self._usual = len(part)
            return 0
        if wraps.end < len(text):
            taken = len(text[before : wraps.end].encode())  # what was broken UTF-8 is not simple enough for this
            if "\ufffd" in text[before : wraps.end]:
                return 0
        start, end = wraps.place(0), wraps.place(count)
        if not self._in_line:
            self._parser.parse(text[: start + 1].encode())  # the last character wraps
            self._scroll_screen_off()
        self._hide(text, wraps, count)
        self._tail = text[end : wraps.end].encode()
        self._in_line = True
        if len(self._tail) > _MAX_TAIL:
            self.parse_tail()
        return taken

    def _print_over(self, text: str) -> bool:
        """Print a text on one row without the parts that CR makes it print over; return False for another text."""
        screen = self._parser.screen
        row = screen.rows[screen.cursor.y]
        if "\r" not in text or row.text[-1] is SPACER:
            return False
        left = without_overwritten(text, screen.cursor.x, screen.columns, equal=STUB not in row.text)
        if len(left) > USUAL:
            return False
        self._parser.parse(left.encode())
        return True

    def _wraps_at_bottom(self) -> bool:
        """Return whether text on the last row wraps, and scrolls the whole main screen."""
        screen = self._parser.screen
        return (
            not screen.alternate
            and screen.columns >= _NARROWEST
            and screen.scrollback.max_lines > 0
            and (screen.top, screen.bottom, screen.narrow) == (0, screen.height - 1, False)
            and screen.prints_plainly
            and screen.cursor.y == screen.height - 1
            and not self._parser.unfinished
        )

    def _scroll_screen_off(self) -> None:
        """Scroll all rows off but the last one, which is left out of all that follows."""
        screen = self._parser.screen
        if screen.height > 1:
            screen.scroll_up(screen.height - 1)
        screen.move_to(screen.height - 1, 0)
        screen.joinable = False

    def _hide(self, text: str, wraps: Wraps, count: int) -> None:
        """Push the first `count` rows of a text, each of which continues the line of the row above."""
        screen = self._parser.screen
        scrollback = screen.scrollback
        most = max_rows(screen.columns)
        row = 0
        while row < count:
            size = min(count - row, most - scrollback.open_count)
            start, end = wraps.place(row), wraps.place(row + size)
            while end - start > _MAX_HIDDEN and size > 1:
                size //= 2
                end = wraps.place(row + size)
            data = text[start : end + 1].encode()
            begins = scrollback.open_count == 0
            scrollback.push_hidden(RawRows(data, size, screen.pen, screen.columns, begins=begins), most)
            screen.pen = _pen_after(screen.pen, text[start:end].encode())
            row += size

    def _has_default_tab_stops(self) -> bool:
        screen = self._parser.screen
        return screen.tabstops == default_tab_stops(screen.columns)

    def _scrolls(self, with_tabs: bool) -> bool:
        """Return whether bulk output can begin or go on in the screen's state."""
        screen = self._parser.screen
        if with_tabs and not self._has_default_tab_stops():
            return False
        if self._tail:
            return True
        fresh = blank(screen.columns, screen.pen.erased)
        last = screen.rows[-1]
        return (
            self._wraps_at_bottom()
            and screen.cursor.x == 0
            and (last.text, last.pens, last.continues, last.prompt) == (fresh.text, fresh.pens, False, False)
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
    """Return the bulk output that `data` begins with: whole lines, and the text after them."""
    other = _NOT_SGR.search(data)
    end = other.start() if other is not None else len(data)
    start = data.rfind(_END, 0, end) + len(_END)
    if start < len(_END):
        return b""
    lines = data[:start]
    controls = lines.translate(None, _TEXT)
    plain = not controls.translate(None, b"\r\n\x1b") and controls.count(b"\n") == lines.count(_END)
    return lines + _begun_line(data[start:end]) if plain and _has_short_lines(lines) else b""


def _begun_line(data: bytes) -> bytes:
    """Return the text that `data` begins with, up to a character or a line's end that may go on after `data`."""
    if other := data.translate(None, _TEXT + b"\r\x1b") and _OTHER.search(data):
        data = data[: other.start()]
    data = data.rstrip(b"\r")
    if character := _UNFINISHED_CHARACTER.search(data, max(0, len(data) - 3)):
        data = data[: character.start()]
    return data if len(data) <= _MAX_LINE else b""


def _text_part(data: bytes) -> bytes:
    """Return the text, tabs, CR and SGR that `data` begins with."""
    end = data.find(b"\n")
    part = data if end < 0 else data[:end].removesuffix(b"\r")
    if part.translate(None, _TEXT + b"\r\x1b") and (other := _OTHER.search(part)):
        part = part[: other.start()]
    sequence = _NOT_SGR.search(part)
    return part if sequence is None else part[: sequence.start()]


def _split(data: bytes, rows: int) -> tuple[bytes, bytes] | None:
    """Return lines and tail, or None if the output cannot be treated as bulk output."""
    lines, *tail = data.rsplit(_END, rows + 1)
    start = len(lines) + len(_END)
    return (data[:start], data[start:]) if len(tail) > rows and len(data) - start <= _MAX_TAIL else None


def _has_short_lines(data: bytes) -> bool:
    """Return whether no line has more than `_MAX_LINE` bytes; False also for some shorter lines."""
    half = _MAX_LINE // 2  # if each half of this size has a line's end, no line is longer than the whole
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
