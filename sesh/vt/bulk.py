"""The exact short cut for floods: lines that scroll by too fast to be seen go to the scrollback from their bytes.

A block is cut into head, middle and tail. The head and the tail, each with at least as many lines as the screen has
rows, go the ordinary way; nothing of the middle is on the screen in the end, and its lines are worth what they are
in the scrollback. That holds only while lines mean what they look like: printable text of fixed widths, SGR, tabs over
blank cells, CR LF as the only control. A background fills the rows that scroll in, so lines with one must end without
it, and fit the screen. What a line without SGR writes over itself after a CR is put in its place before. Whatever else
there is, in the block or in the state of the screen, takes the ordinary way; the result is the same.
"""

from __future__ import annotations

import re

from sesh.vt.cell import DEFAULT, step
from sesh.vt.graphemes import NARROW, WIDE
from sesh.vt.scrollback import END, LINE_LIMIT, Poured, pen_after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.screen import Screen

#: Smaller blocks are not worth the look.
SMALLEST = 4096

_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
#: An escape that is no SGR, or one that may set a background: most floods have none, and this finds out soonest.
_SUSPECT = re.compile(
    rb"\x1b(?!\[(?:[0-9]?;?3[0-79]m|(?:[0-9];)?38;(?:5;[0-9]+|2;[0-9]+;[0-9]+;[0-9]+)m|[0-9]?m|[029][0-9]m))"
)
_NO_TEXT = re.compile(rb"[\t\x1b]")
_ASCII = bytes(range(0x20, 0x7F)) + b"\r\n\t\x1b"
_OTHER = re.compile(f"[^{NARROW}{WIDE}\r\n\x1b]")


class Flood:
    """The parts of a block that is a flood: `head`, `tail`, and between them `count` lines, each with its end.

    `rest`: all behind the head, as it came.
    """

    def __init__(self, head: bytes, rest: bytes, lines: bytes, count: int, tail: bytes) -> None:
        self.head, self.rest, self.lines, self.count, self.tail = head, rest, lines, count, tail


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
        and screen.scrollback.line_limit > 0
    )


def found(screen: Screen, data: bytes) -> Flood | None:
    """The parts of `data`, or None where it is no flood."""
    if not calm(screen):
        return None
    rows = screen.lines
    head = data.split(END, rows)
    rest = head.pop()
    parts = rest.rsplit(END, rows + 1)
    if len(head) < rows or len(parts) < rows + 2 or len(parts[0]) < len(data) // 2:
        return None
    simple = _once(screen, rest[: len(rest) - len(parts[-1])])
    if not (_is_short(simple) and _is_text(screen, simple) and _is_coloured(screen, simple)):
        return None
    lines = simple.rsplit(END, rows + 1)[0] + END
    return Flood(END.join(head) + END, rest, lines, simple.count(END) - rows, END.join(parts[1:]))


def _once(screen: Screen, data: bytes) -> bytes:
    """Lines that write over themselves after a CR, as if they had written once, where that is simple."""
    if data.count(b"\r") == data.count(b"\n"):
        return data
    return END.join([_overlaid(line, screen.columns) if b"\r" in line else line for line in data.split(END)])


def _overlaid(line: bytes, columns: int) -> bytes:
    """What is left of a line after its last CR has written over what stood there."""
    pieces = line.rstrip(b"\r").split(b"\r")
    if len(pieces) == 1:
        return pieces[0]
    if _NO_TEXT.search(line) or not line.isascii() or max(map(len, pieces)) > columns:
        return line
    shown = pieces[0]
    for piece in pieces[1:]:
        shown = piece + shown[len(piece) :]
    return shown


def _is_short(data: bytes) -> bool:
    """Whether no line is so long that the scrollback would cut it."""
    half = LINE_LIMIT // 4
    if all(data.find(END, at, at + half) >= 0 for at in range(0, len(data) - half, half)):
        return True
    return max(map(len, data.split(END))) < LINE_LIMIT // 2


def _is_text(screen: Screen, data: bytes) -> bool:
    """Whether lines hold nothing but text of fixed widths, and sequences of some kind."""
    ends = data.count(END)
    if data.count(b"\r") != ends or data.count(b"\n") != ends:
        return False
    tabs = b"\t" in data
    if tabs and screen.tabstops != set(range(8, screen.columns, 8)):
        return False
    if data.isascii():
        return not data.translate(None, _ASCII)
    if tabs:
        return False
    try:
        return not _OTHER.search(data.decode())
    except UnicodeDecodeError:
        return False


def _is_coloured(screen: Screen, data: bytes) -> bool:
    """Whether all sequences are SGR, and none leaves a background behind."""
    if not _SUSPECT.search(data):
        return True
    found = _SGR.findall(data)
    if len(found) != data.count(b"\x1b"):
        return False
    if all(step(DEFAULT, sgr.decode()).style.bg == "default" for sgr in set(found)):
        return True
    resets = data.count(b"\x1b[0m\r\n") + data.count(b"\x1b[m\r\n")
    if resets != data.count(END) or not data.isascii() or b"\t" in data:
        return False
    # Each line ends without a background; where none wraps, none comes into a row that scrolls in.
    return max(map(len, _SGR.sub(b"", data).split(END))) <= screen.columns


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
    screen.scrollback.pour(Poured(lines, count, pen, screen.columns))
    screen.set_pen(pen_after(pen, lines))
    return True
