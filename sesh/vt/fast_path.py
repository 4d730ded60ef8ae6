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

from sesh.vt.blocks import END, LONGEST_SGR, PARTING, SGR_BYTES, UNDERLINE_COLOUR, LineBlock, pen_after
from sesh.vt.cell import DEFAULT, apply_sgr
from sesh.vt.graphemes import text_presentation
from sesh.vt.grid import default_tab_stops
from sesh.vt.screen import Screen
from sesh.vt.scrollback import LINE_LIMIT

SMALLEST = 4096
"""Bytes below which a block is not looked at."""

WHOLE, BUSY = 32 << 10, 64 << 10
"""Bytes that always fit into a call with a time limit; number of line ends and sequences that about fill one."""

_SUSPECT = re.compile(
    rb"\x1b(?!\[(?:[0-9]?;?3[0-79]m|(?:[0-9];)?38;(?:5;[0-9]+|2;[0-9]+;[0-9]+;[0-9]+)m|[0-9]?m|[029][0-9]m))"
)
"""An escape that is not SGR or may set a background. Most bulk output has none, and this is the quickest way to know.
"""
_TAB_OR_ESCAPE = re.compile(rb"[\t\x1b]")
_ASCII = bytes(range(0x20, 0x7F)) + b"\r\n\t\x1b"
_UTF8 = bytes((*range(0x20, 0x7F), *range(0x80, 0x100))) + b"\r\n\x1b"
_C1 = re.compile(b"\xc2[\x80-\x9f]")
_BEFORE_FE0E = re.compile(".\ufe0e")


def bulk_limit(data: bytes) -> int:
    """Return the number of bytes of `data` to look at in a call with a time limit: fewer if line ends and sequences are
    dense, WHOLE if lines are overwritten, which are looked at one by one."""
    if len(data) <= WHOLE:
        return len(data)
    ends = data.count(b"\n")
    if data.count(b"\r") != ends:
        return WHOLE
    return min(len(data), max(WHOLE, len(data) * BUSY // (ends + data.count(b"\x1b") + 1)))


def split(screen: Screen, data: bytes) -> tuple[bytes, bytes, int, bytes] | None:
    """Return the parts of `data`: head, lines, the number of lines, each with its end, and tail. None if it has to go
    through the tokenizer."""
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
    return END.join(head) + END, lines, simple.count(END) - rows, END.join(parts[1:])


def scroll_through(screen: Screen, lines: bytes, count: int) -> bool:
    """Send `lines` to the scrollback; the screen is empty then, with the cursor at home and the pen as they leave it.

    The head must have been fed, which brings the cursor to an empty last row. Returns False if it has not.
    """
    cursor = screen.cursor
    last = screen.rows[-1]
    blank = not (last.trimmed() or last.wrapped or last.marks)
    if not _is_applicable(screen, lines) or cursor.y != screen.lines - 1 or cursor.x or not blank:
        return False
    if screen.lines > 1:
        screen.scroll_up(screen.lines - 1)
    cursor.y = 0
    screen.joinable = False
    pen = screen.pen
    screen.scrollback.push_block(LineBlock(lines, count, pen, screen.columns))
    screen.pen = pen_after(pen, lines)
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
    lines = data.split(END)
    for index, line in enumerate(lines):
        pieces = line.rstrip(b"\r").split(b"\r")
        simple = line.isascii() and not _TAB_OR_ESCAPE.search(line) and max(map(len, pieces)) <= screen.columns
        if len(pieces) == 1 or simple:
            shown = b""
            for piece in pieces:
                shown = piece + shown[len(piece) :]
            lines[index] = shown
    return END.join(lines)


def _is_short(data: bytes) -> bool:
    """Return whether no line is so long that the scrollback would end it.

    If each quarter of LINE_LIMIT holds a line end, no line is longer than half of it, and none has to be measured. With
    characters that part graphemes, a line as it is kept may have an SGR for each character: it must be that much
    shorter.
    """
    half = LINE_LIMIT // 4
    if not all(data.find(END, start, start + half) >= 0 for start in range(0, len(data) - half, half)):
        return max(map(len, data.split(END))) < LINE_LIMIT // 2 and PARTING not in data
    return PARTING not in data or max(map(len, data.split(END))) < LINE_LIMIT // (LONGEST_SGR + UNDERLINE_COLOUR)


def _is_text(screen: Screen, data: bytes) -> bool:
    """Return whether lines hold only text, and sequences of any kind."""
    ends = data.count(END)
    if data.count(b"\r") != ends or data.count(b"\n") != ends:
        return False
    tabs = b"\t" in data
    if tabs and screen.tabstops != default_tab_stops(screen.columns):
        return False
    if data.isascii():
        return not data.translate(None, _ASCII)
    if tabs or data.translate(None, _UTF8) or _C1.search(data):
        return False
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    # What follows a character that U+FE0E has made narrow joins it in ways of its own.
    return not any(map(text_presentation, _BEFORE_FE0E.findall(text)))


def _is_coloured(screen: Screen, data: bytes) -> bool:
    """Return whether all sequences are SGR, and no line leaves a background behind."""
    if not _SUSPECT.search(data):
        return True
    sequences = SGR_BYTES.findall(data)
    if len(sequences) != data.count(b"\x1b"):
        return False
    if all(apply_sgr(DEFAULT, sgr.decode()).style.bg == "default" for sgr in set(sequences)):
        return True
    resets = data.count(b"\x1b[0m\r\n") + data.count(b"\x1b[m\r\n")
    if resets != data.count(END) or not data.isascii() or b"\t" in data:
        return False
    # Every line ends without a background; where none wraps, none comes into a row that scrolls in.
    return max(map(len, SGR_BYTES.sub(b"", data).split(END))) <= screen.columns
