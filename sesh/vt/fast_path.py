"""The fast path for bulk output: lines that scroll by too fast to be seen go to the scrollback as raw bytes.

A block is split into head, lines and tail. The head and the tail, each of at least as many lines as the screen has
rows, go through the tokenizer. Nothing of the lines between them is on the screen in the end, so they only have to be
right in the scrollback. That is so while they hold nothing but printable text, SGR, tabs over blank cells, and CR LF.
Characters that join are joined when a line is read. A background would fill the rows that scroll in, so a line with one
must end without it and fit the width. A line without SGR that is overwritten after a CR is overwritten here first.
Everything else, in the block or in the state of the screen, is left to the tokenizer. The result is exactly the same; a
property test compares the two.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sesh.vt.cell import BLANK, DEFAULT, Cell, Pen, apply_sgr, encode
from sesh.vt.grammar import SGR_PARAMETERS
from sesh.vt.graphemes import CLUSTER_LIMIT, OTHER, RUNS, WIDTH, ZWJ, attaches, joined
from sesh.vt.scrollback import LINE_LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.packed import Packed
    from sesh.vt.screen import Screen

SMALLEST = 4096
"""Bytes below which a block is not looked at."""

WHOLE, BUSY = 32 << 10, 64 << 10
"""Bytes that always fit into a call with a time limit; number of line ends and sequences that about fill one."""

END = b"\r\n"
_SGR = re.compile(SGR_PARAMETERS)
_SGR_BYTES = re.compile(SGR_PARAMETERS.encode())
_SUSPECT = re.compile(
    rb"\x1b(?!\[(?:[0-9]?;?3[0-79]m|(?:[0-9];)?38;(?:5;[0-9]+|2;[0-9]+;[0-9]+;[0-9]+)m|[0-9]?m|[029][0-9]m))"
)
"""An escape that is not SGR or may set a background. Most bulk output has none, and this is the quickest way to know.
"""
_TAB_OR_ESCAPE = re.compile(rb"[\t\x1b]")
_ASCII = bytes(range(0x20, 0x7F)) + b"\r\n\t\x1b"
_UTF8 = bytes((*range(0x20, 0x7F), *range(0x80, 0x100))) + b"\r\n\x1b"
_C1 = re.compile(b"\xc2[\x80-\x9f]")
_PARTING = (ZWJ.encode(), "\ufe0e".encode())
"""Behind these a line as it is kept may have an SGR that keeps graphemes apart."""


class Bulk(NamedTuple):
    """The parts of a block: `head`; then `lines`, `line_count` of them, each with its end; then `tail`.

    `rest` is everything after the head as it came.
    """

    head: bytes
    rest: bytes
    lines: bytes
    line_count: int
    tail: bytes


def bulk_limit(data: bytes) -> int:
    """Return the number of bytes of `data` to look at in a call with a time limit: fewer if line ends and sequences are
    dense, WHOLE if lines are overwritten, which are looked at one by one."""
    if len(data) <= WHOLE:
        return len(data)
    ends = data.count(b"\n")
    if data.count(b"\r") != ends:
        return WHOLE
    return min(len(data), max(WHOLE, len(data) * BUSY // (ends + data.count(b"\x1b") + 1)))


def split(screen: Screen, data: bytes) -> Bulk | None:
    """Return the parts of `data`; None if it has to go through the tokenizer."""
    if not _is_applicable(screen, data):
        return None
    rows = screen.lines
    head = data.split(END, rows)
    rest = head.pop()
    parts = rest.rsplit(END, rows + 1)
    if len(head) < rows or len(parts) < rows + 2 or len(parts[0]) < len(data) // 2:
        return None
    simple = _overwritten(screen, rest[: len(rest) - len(parts[-1])])
    if not (_is_short(simple) and _is_text(screen, simple) and _is_coloured(screen, simple)):
        return None
    lines = simple.rsplit(END, rows + 1)[0] + END
    return Bulk(END.join(head) + END, rest, lines, simple.count(END) - rows, END.join(parts[1:]))


def scroll_through(screen: Screen, lines: bytes, count: int) -> bool:
    """Send `lines` to the scrollback; the screen is empty then, with the cursor at home and the pen as they leave it.

    The head must have been fed, which brings the cursor to an empty last row. Returns False if it has not.
    """
    cursor = screen.cursor
    last = screen.buffer[-1]
    blank = not (last.used or last.wrapped or last.marks) and last.rest is BLANK
    if not _is_applicable(screen, lines) or cursor.y != screen.lines - 1 or cursor.x or not blank:
        return False
    if screen.lines > 1:
        screen.scroll_up(screen.lines - 1)
    cursor.y = 0
    screen.joinable = False
    pen = screen.pen
    screen.scrollback.push_block(RawLines(lines, count, pen, screen.columns))
    screen.pen = _pen_after(pen, lines)
    return True


def _is_applicable(screen: Screen, data: bytes) -> bool:
    """Return whether lines of text, like those of `data`, simply scroll through the screen in its present state."""
    return (
        screen.main is None
        and screen.top == 0
        and screen.bottom == screen.lines - 1
        and not screen.narrow
        and screen.wrap
        and not (screen.insert or screen.origin or screen.linefeed_mode or screen.single_shift)
        and screen.translation is None
        and not screen.pen.link
        and screen.pen.erased is DEFAULT
        and screen.columns > 1
        and (data.isascii() or not screen.clustering)
        and screen.scrollback.max_lines > 0
    )


def _overwritten(screen: Screen, data: bytes) -> bytes:
    """Return the lines as they are once text after a CR has overwritten them, if that is simple."""
    if data.count(b"\r") == data.count(b"\n"):
        return data
    return END.join([_overwritten_line(line, screen.columns) if b"\r" in line else line for line in data.split(END)])


def _overwritten_line(line: bytes, columns: int) -> bytes:
    pieces = line.rstrip(b"\r").split(b"\r")
    if len(pieces) == 1:
        return pieces[0]
    if _TAB_OR_ESCAPE.search(line) or not line.isascii() or max(map(len, pieces)) > columns:
        return line
    shown = pieces[0]
    for piece in pieces[1:]:
        shown = piece + shown[len(piece) :]
    return shown


def _is_short(data: bytes) -> bool:
    """Return whether no line is so long that the scrollback would end it.

    If each quarter of LINE_LIMIT holds a line end, no line is longer than half of it, and none has to be measured. With
    characters that part graphemes, a line as it is kept may have an SGR for each character: it must be that much
    shorter.
    """
    half = LINE_LIMIT // 4
    if not all(data.find(END, start, start + half) >= 0 for start in range(0, len(data) - half, half)):
        return max(map(len, data.split(END))) < LINE_LIMIT // 2 and not _is_parted(data)
    return not _is_parted(data) or max(map(len, data.split(END))) < LINE_LIMIT // (_LONGEST_SGR + _UNDERLINE_COLOUR)


def _is_parted(data: bytes) -> bool:
    return any(part in data for part in _PARTING)


def _is_text(screen: Screen, data: bytes) -> bool:
    """Return whether lines hold only text, and sequences of any kind."""
    ends = data.count(END)
    if data.count(b"\r") != ends or data.count(b"\n") != ends:
        return False
    tabs = b"\t" in data
    if tabs and screen.tabstops != set(range(8, screen.columns, 8)):
        return False
    if data.isascii():
        return not data.translate(None, _ASCII)
    if tabs or data.translate(None, _UTF8) or _C1.search(data):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_coloured(screen: Screen, data: bytes) -> bool:
    """Return whether all sequences are SGR, and no line leaves a background behind."""
    if not _SUSPECT.search(data):
        return True
    sequences = _SGR_BYTES.findall(data)
    if len(sequences) != data.count(b"\x1b"):
        return False
    if all(apply_sgr(DEFAULT, sgr.decode()).style.bg == "default" for sgr in set(sequences)):
        return True
    resets = data.count(b"\x1b[0m\r\n") + data.count(b"\x1b[m\r\n")
    if resets != data.count(END) or not data.isascii() or b"\t" in data:
        return False
    # Every line ends without a background; where none wraps, none comes into a row that scrolls in.
    return max(map(len, _SGR_BYTES.sub(b"", data).split(END))) <= screen.columns


# -- raw lines in the scrollback ------------------------------------------------------------------------------

_LONGEST_SGR, _UNDERLINE_COLOUR = 4 + 22 + 2 * 17, 18
"""The longest SGR of a pen: `ESC [ 0 … m`, all attributes, two colours; and the colour of underlines."""
_LONGEST_TAB = 8 + 3
"""The most that a tab becomes: blanks, and the SGR that resets the pen for them."""
_NEAR = 4096
"""Bytes at the end of raw lines among which there usually is a reset."""


class RawLines:
    """Raw lines, rendered when they are read and trimmed from the front: a `LineBlock` of a scrollback.

    `raw` holds `count` lines, each ended by CR LF, of what `split` lets through; the first begins with `pen`.
    """

    __slots__ = ("_columns", "_data", "_pen", "_size", "_skipped", "count", "max_size")

    def __init__(self, raw: bytes, count: int, pen: Pen, columns: int) -> None:
        self.count = count
        self._data: bytes | Packed = raw
        self._pen, self._columns = pen, columns
        self._skipped = 0
        self._size = -1
        self.max_size = _max_size(raw, count, pen)

    @property
    def _raw(self) -> bytes:
        return self._data if isinstance(self._data, bytes) else self._data.unpacked()

    @property
    def size(self) -> int:
        """Bytes of the rendered lines."""
        if self._size < 0:
            self._size = sum(map(len, self.last(self.count)))
        return self._size

    def pack(self) -> None:
        """Use less memory until somebody reads."""
        if isinstance(self._data, bytes):
            from sesh.vt.packed import Packed

            self._data = Packed(self._data)

    def drop(self, count: int) -> None:
        """Forget the oldest lines; fewer than there are."""
        self._skipped += count
        self.count -= count
        self._size = -1
        if self._skipped > self.count:
            self._pen, self._data = self._without_skipped(self._raw)
            self._skipped = 0
            self.max_size = _max_size(self._data, self.count, self._pen)

    def last(self, count: int) -> list[bytes]:
        """The newest lines, rendered, oldest first."""
        lines = self._raw[: -len(END)]
        if count < self.count:
            before, *newest = lines.rsplit(END, count)
            return _rendered(END.join(newest), _pen_after(self._pen, before), self._columns)
        pen, lines = self._without_skipped(lines)
        return _rendered(lines, pen, self._columns)

    def take(self, count: int) -> list[bytes]:
        """Remove the newest lines, and return them, oldest first."""
        lines = self.last(count)
        self._data = self._raw[: -len(END)].rsplit(END, count)[0] + END
        self.count -= count
        self._size = -1
        self.max_size = _max_size(self._data, self.count, self._pen)
        return lines

    def _without_skipped(self, raw: bytes) -> tuple[Pen, bytes]:
        """`raw` without the lines dropped so far, and the pen that the rest begins with."""
        if not self._skipped:
            return self._pen, raw
        gone = END.join(raw.split(END, self._skipped)[:-1])
        return _pen_after(self._pen, gone), raw[len(gone) + len(END) :]


def _max_size(raw: bytes, count: int, pen: Pen) -> int:
    """An upper bound of the bytes of the rendered lines: an SGR for each change of pen and each line."""
    sequences = raw.count(b"\x1b")
    if not raw.isascii():
        sequences += sum(map(raw.count, _PARTING))
    plain = len(raw) + _LONGEST_TAB * raw.count(b"\t")
    if not sequences and pen is DEFAULT:
        return plain
    longest = _LONGEST_SGR + (_UNDERLINE_COLOUR if b"58" in raw or "58" in pen.sgr else 0)
    return plain + longest * (sequences + count)


def _pen_after(pen: Pen, raw: bytes) -> Pen:
    """The pen after text with SGR: only what follows the last reset counts."""
    near = max(0, len(raw) - _NEAR)
    reset = max(raw.rfind(b"\x1b[m", near), raw.rfind(b"\x1b[0m", near))
    if reset < 0:
        reset = max(raw.rfind(b"\x1b[m"), raw.rfind(b"\x1b[0m"), 0)
    for sgr in _SGR_BYTES.findall(raw, reset):
        pen = apply_sgr(pen, sgr.decode())
    return pen


def _rendered(raw: bytes, pen: Pen, columns: int) -> list[bytes]:
    """Lines as the scrollback keeps them (see `cell`)."""
    lines = []
    for line in raw.decode().split("\r\n"):
        if "\t" in line:
            text, pen = _with_tabs(line, pen, columns)
        elif not line.isascii() and OTHER.search(line):
            text, pen = _with_joining(line, pen)
        elif "\x1b" in line or pen is not DEFAULT:
            text, pen = _with_sgr(line, pen)
        else:
            text = line.rstrip(" ")
        lines.append(text.encode())
    return lines


def _with_sgr(line: str, pen: Pen) -> tuple[str, Pen]:
    """A line with SGR, and the pen after it."""
    parts = iter(_SGR.split(line))
    first = next(parts)
    out: list[str] = []
    now = DEFAULT
    if first:
        out = [pen.sequence, first] if pen is not DEFAULT else [first]
        now = pen
    for sgr, words in zip(parts, parts, strict=True):
        pen = pen.after_sgr.get(sgr) or apply_sgr(pen, sgr)
        if words:
            if pen is not now and pen.sgr != now.sgr:
                out.append(pen.sequence)
                now = pen
            out.append(words)
    return _without_trailing_blanks("".join(out), now), pen


def _with_joining(line: str, pen: Pen) -> tuple[str, Pen]:
    """Render a line with characters that may join or have any width, as `text` prints them into blank rows."""
    cells: list[Cell] = []
    joinable = False
    for index, part in enumerate(_SGR.split(line)):
        if index & 1:
            pen = pen.after_sgr.get(part) or apply_sgr(pen, part)
            joinable = False
            continue
        for narrow, wide, other in RUNS.findall(part):
            if other:
                joinable = _join(cells, other, pen, joinable)
                continue
            if narrow:
                cells += map(pen.cell, narrow)
            else:
                cells += [half for char in wide for half in (pen.cell(char), pen.stub)]
            joinable = True
    while cells and cells[-1] == BLANK:
        cells.pop()
    return encode(cells), pen


def _join(cells: list[Cell], char: str, pen: Pen, joinable: bool) -> bool:
    """Put a character after `cells`, or into the last one; returns whether the next one may join it."""
    columns = 2 if cells and not cells[-1].data else 1
    last = cells[-columns] if cells else BLANK
    fits = len(last.data) < CLUSTER_LIMIT
    if joinable and (new := joined(last.data, columns, char)):
        if fits:
            cells[-columns:] = [last.pen.cell(last.data + char), last.pen.stub][:new]
            return new >= columns
        return True
    width = WIDTH[char]
    if width:
        cells += [pen.cell(char), pen.stub][:width]
        return True
    if cells and not joinable and attaches(char) and fits:
        cells[-columns] = last.pen.cell(last.data + char)
    return joinable


def _with_tabs(line: str, pen: Pen, columns: int) -> tuple[str, Pen]:
    """Render a line with tabs, which leave default blanks whatever the pen."""
    out: list[str] = []
    column = 0
    now = DEFAULT
    for index, part in enumerate(_SGR.split(line)):
        if index & 1:
            pen = pen.after_sgr.get(part) or apply_sgr(pen, part)
            continue
        for number, words in enumerate(part.split("\t")):
            if number and column < columns:
                stop = min((column // 8 + 1) * 8, columns - 1)
                if stop > column and now is not DEFAULT:
                    out.append(DEFAULT.sequence)
                    now = DEFAULT
                out.append(" " * (stop - column))
                column = stop
            if words:
                if pen is not now and pen.sgr != now.sgr:
                    out.append(pen.sequence)
                    now = pen
                out.append(words)
                column += len(words)
                if column > columns:  # it wraps; a cursor in column `columns` waits to
                    column = (column - 1) % columns + 1
    return _without_trailing_blanks("".join(out), now), pen


def _without_trailing_blanks(text: str, pen: Pen) -> str:
    """An encoded text that ends with `pen`, without default blanks at its end."""
    if pen is DEFAULT and text.endswith(" "):
        return text.rstrip(" ").removesuffix("\x1b[m")
    return text
