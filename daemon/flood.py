"""The exact short cut for floods: lines that scroll by too fast to be seen go to the scrollback from their bytes.

A block is cut into head, middle and tail. The head and the tail, each with at least as many lines as the screen has
rows, go the ordinary way; nothing of the middle is on the screen in the end, and its lines are worth what they are
in the scrollback. That holds only while lines mean what they look like: printable text of fixed widths, SGR without
backgrounds (a background fills the rows that scroll in), tabs over blank cells, CR LF as the only control. Whatever
else there is, in the block or in the state of the screen, takes the ordinary way; the result is the same.
"""

from __future__ import annotations

import re

from sesh.daemon.cell import DEFAULT
from sesh.daemon.graphemes import NARROW, WIDE
from sesh.daemon.poured import END, Poured, pen_after
from sesh.daemon.scrollback import LINE_LIMIT
from sesh.daemon.sgr import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.daemon.screen import Screen

#: Smaller blocks are not worth the look.
SMALLEST = 4096

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
_ASCII = bytes(range(0x20, 0x7F)) + b"\r\n\t\x1b"
_OTHER = re.compile(f"[^{NARROW}{WIDE}\r\n\x1b]")


class Flood:
    """The parts of a block that is a flood: `head`, `tail`, and between them `count` lines, each with its end."""

    def __init__(self, head: bytes, lines: bytes, count: int, tail: bytes) -> None:
        self.head, self.lines, self.count, self.tail = head, lines, count, tail


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
    lines = simple.split(END)
    if max(map(len, lines)) >= LINE_LIMIT // 2 or not _is_simple(screen, simple, len(lines) - 1):
        return None
    return Flood(END.join(head) + END, parts[0] + END, len(lines) - 1 - rows, END.join(parts[1:]))


def _is_simple(screen: Screen, data: bytes, ends: int) -> bool:
    """Whether lines mean what they look like; `ends`: how many there are."""
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
    found = _SGR.findall(data)
    return len(found) == escapes and all(step(DEFAULT, sgr.decode()).style.bg == "default" for sgr in set(found))


def pour(screen: Screen, lines: bytes, count: int) -> bool:
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
    pen = screen.pen
    screen.history.pour(Poured(lines, count, pen, screen.columns))
    screen.set_pen(pen_after(pen, lines))
    return True
