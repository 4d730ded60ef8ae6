"""The exact short cut for floods: lines that scroll by too fast to be seen go to the scrollback from their bytes.

A block is cut into head, middle and tail. The head and the tail, each with at least as many lines as the screen has
rows, go the ordinary way; nothing of the middle is on the screen in the end, and its lines are worth what they are
in the scrollback. That holds only while lines mean what they look like: printable text of fixed widths, SGR without
backgrounds (a background fills the rows that scroll in), tabs over blank cells, CR LF as the only control. Whatever
else there is, in the block or in the state of the screen, takes the ordinary way; the result is the same.
"""

from __future__ import annotations

import re
from itertools import islice

from sesh.daemon.cell import DEFAULT, Pen
from sesh.daemon.graphemes import NARROW, WIDE
from sesh.daemon.scrollback import LINE_LIMIT
from sesh.daemon.sgr import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.screen import Screen

#: Smaller blocks are not worth the look.
SMALLEST = 4096

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_SGR_BYTES = re.compile(rb"\x1b\[[0-9;:]*m")
_BACKGROUND = re.compile(rb"[\[;](?:4[0-8]|10[0-7])[;:m]")
_ASCII = bytes(range(0x20, 0x7F)) + b"\r\n\t\x1b"
_OTHER = re.compile(f"[^{NARROW}{WIDE}\r\n\x1b]")


class Flood:
    """The parts of a block that is a flood: `head` and `tail` as bytes, the lines between them as text."""

    def __init__(self, head: bytes, lines: list[str], tail: bytes) -> None:
        self.head, self.lines, self.tail = head, lines, tail


def calm(screen: Screen) -> bool:
    """Whether the screen's state lets lines mean what they look like."""
    return (
        screen.main is None
        and screen.top == 0
        and screen.bottom == screen.lines - 1
        and not screen.narrowed
        and screen.wrap
        and not (screen.insert or screen.origin or screen.linefeed_mode or screen.single)
        and screen.table is None
        and not screen.pen.link
        and screen.pen.erased is DEFAULT
        and screen.columns > 1
        and screen.history.line_limit > 0
    )


def found(screen: Screen, data: bytes) -> Flood | None:
    """The parts of `data`, or None where it is no flood."""
    if not calm(screen):
        return None
    rows = screen.lines
    head = data.split(b"\r\n", rows)
    rest = head.pop()
    parts = rest.rsplit(b"\r\n", rows + 1)
    if len(head) < rows or len(parts) < rows + 2 or len(parts[0]) < len(data) // 2:
        return None
    simple = rest[: len(rest) - len(parts[-1])]
    if not _is_simple(screen, simple):
        return None
    lines = parts[0].decode().split("\r\n")
    if max(map(len, lines)) >= LINE_LIMIT // 2:
        return None
    return Flood(b"\r\n".join(head) + b"\r\n", lines, b"\r\n".join(parts[1:]))


def _is_simple(screen: Screen, data: bytes) -> bool:
    ends = data.count(b"\r\n")
    if data.count(b"\r") != ends or data.count(b"\n") != ends:
        return False
    tabs = b"\t" in data
    if tabs and screen.tabstops != set(range(8, screen.columns, 8)):
        return False
    if data.isascii():
        if data.translate(None, _ASCII):
            return False
    elif tabs:
        return False
    else:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return False
        if _OTHER.search(text):
            return False
    escapes = data.count(b"\x1b")
    if not escapes:
        return True
    return len(_SGR_BYTES.findall(data)) == escapes and not _BACKGROUND.search(data)


def pour(screen: Screen, lines: list[str]) -> bool:
    """Send `lines` to the scrollback and leave the screen empty, the cursor at home and the pen as they leave it.

    To be called when the head has been fed: it puts the cursor on an empty last row. False where it did not.
    """
    cursor = screen.cursor
    last = screen.buffer[-1]
    if not calm(screen) or cursor.y != screen.lines - 1 or cursor.x or last.used or last.continues:
        return False
    for _ in range(screen.lines - 1):
        screen.scroll_row()
    cursor.y = 0
    screen.open = False
    history = screen.history
    skipped = max(0, len(lines) - history.line_limit)
    pen = _pen_after(screen.pen, lines, skipped)
    painted = []
    for line in islice(lines, skipped, None):
        if "\t" in line:
            text, pen = _tabbed(line, pen, screen.columns)
        elif "\x1b" in line or pen is not DEFAULT:
            text, pen = _coloured(line, pen)
        else:
            text = line.rstrip(" ")
        painted.append(text.encode())
    history.extend(painted, skipped)
    screen.set_pen(pen)
    return True


def _pen_after(pen: Pen, lines: list[str], count: int) -> Pen:
    """The pen after the first `count` lines: what follows their last reset decides."""
    start = count
    while start and "\x1b[m" not in lines[start - 1] and "\x1b[0m" not in lines[start - 1]:
        start -= 1
    for line in islice(lines, max(0, start - 1), count):
        if "\x1b" in line:
            for sgr in _SGR.findall(line):
                pen = step(pen, sgr)
    return pen


def _coloured(line: str, pen: Pen) -> tuple[str, Pen]:
    """A line as the scrollback keeps it, and the pen at its end."""
    parts = iter(_SGR.split(line))
    first = next(parts)
    out: list[str] = []
    now = DEFAULT
    if first:
        out = [pen.sequence, first] if pen is not DEFAULT else [first]
        now = pen
    for sgr, words in zip(parts, parts, strict=True):
        pen = pen.steps.get(sgr) or step(pen, sgr)
        if words:
            if pen is not now and pen.sgr != now.sgr:
                out.append(pen.sequence)
                now = pen
            out.append(words)
    return _trimmed("".join(out), now), pen


def _tabbed(line: str, pen: Pen, columns: int) -> tuple[str, Pen]:
    """The same for a line with tabs: what they pass over stays blank, whatever the pen."""
    out: list[str] = []
    at = 0
    now = DEFAULT
    for index, part in enumerate(_SGR.split(line)):
        if index & 1:
            pen = pen.steps.get(part) or step(pen, part)
            continue
        for number, words in enumerate(part.split("\t")):
            if number and at < columns:
                stop = min((at // 8 + 1) * 8, columns - 1)
                if stop > at and now is not DEFAULT:
                    out.append(DEFAULT.sequence)
                    now = DEFAULT
                out.append(" " * (stop - at))
                at = stop
            if words:
                if pen is not now and pen.sgr != now.sgr:
                    out.append(pen.sequence)
                    now = pen
                out.append(words)
                at = _column(at + len(words), columns)
    return _trimmed("".join(out), now), pen


def _trimmed(text: str, pen: Pen) -> str:
    """A painted text that ends with `pen`, without default blanks at its end."""
    if pen is DEFAULT and text.endswith(" "):
        return text.rstrip(" ").removesuffix("\x1b[m")
    return text


def _column(at: int, columns: int) -> int:
    """Where the cursor stands after writing up to `at`, rows wrapping; the width itself means waiting to wrap."""
    return at if at <= columns else (at - 1) % columns + 1
