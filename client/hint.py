"""The line at the bottom of a new session's first screen: its name, and the key that leaves.

It stands until a key is pressed, or until output may reach its row: lines, and what moves the cursor. Output that only
erases below the cursor (as zsh's prompt does) removes it as well, and then it is drawn again. As long as no line may
have wrapped, the cursor's row is known, so that the saved cursor (DECSC) is not needed and stays as it was.
"""

from __future__ import annotations

import re

from sesh.client.display import unfinished_character
from sesh.client.own_row import CLEAR, DIM, fitted, own_row

_SEQUENCE = rb"""
    \x1b\[ [0-9;?>=<:]* [ $"]? [mKJCDGhlqnctp]
  | \x1b\[ [<=>?] [0-9;:]* u
  | \x1b\] [^\x07\x1b]* (?: \x07 | \x1b\\ )
  | \x1b[=>()] [0-9A-Z]?
"""
_HARMLESS = re.compile(rb"(?x: [^\x1b\x0b\x0c\x84\x85\x8d]+ |" + _SEQUENCE + rb")")
_SWITCH = re.compile(rb"\x1b\[\?[0-9;]*(?:3|47|1047|1048|1049|6|69)[hl]")
_ERASED = re.compile(rb"\x1b\[0?J")
_ERASED_LINE = re.compile(rb"\r(?:\x1b\[[0-9;:]*m)*\x1b\[0?J\Z")
_TOKEN = re.compile(rb"(?sx: (?P<sequence>" + _SEQUENCE + rb") | (?P<text>[^\x00-\x1f\x7f]+) | . )")
_LONGEST_PEN = 256
_BACKGROUND = re.compile(rb"[\[;](?:4[0-8]|10[0-7])")


def joined(told: str, leaves: str, columns: int) -> str:
    """Return what is told, as many of its words as fit in a row, and behind it all of what leaves."""
    words = "".join(filter(str.isprintable, told)).split(" ")
    whole = f"{' '.join(words)} · {leaves}"
    while words and whole not in fitted(whole, columns):
        words.pop()
        whole = f"{' '.join(words)}… · {leaves}" if words else leaves
    return whole


class Hint:
    """`begin` draws it on a blank screen; from then on output passes `around`, until `shown` is false."""

    def __init__(self, text: str, columns: int, rows: int) -> None:
        self.shown = False
        self._text, self._columns = text, max(1, columns)
        self._room = rows - 2
        """Rows that output may still fill."""
        self._part = 0
        self._row: int | None = 0
        """The cursor's row; None if it is not known."""
        self._width = 0
        """Columns that the row may have in use, up to the cursor."""
        self._pen = b""
        """The SGR sequences since the last that reset the pen."""

    def begin(self) -> bytes:
        """Return the bytes that draw it on a blank screen, with the cursor at home; none if the screen is too small."""
        self.shown = self._room > 1
        return self._drawn(0) if self.shown else b""

    def end(self) -> bytes:
        """Return the bytes that remove it."""
        shown, self.shown = self.shown, False
        if not shown or self._row is None or self._width >= self._columns:  # a pending wrap would be lost
            return CLEAR if shown else b""
        return b"\x1b[9999d\x1b[0m\x1b[2K\x1b[%dd%s" % (self._row + 1, self._pen)

    def around(self, data: bytes) -> list[tuple[bytes, bytes, bytes]]:
        """Return output in parts, each with the bytes before and after it that keep it and the hint apart."""
        if not self._stays(data):
            return [(self.end(), data, b"")]
        end = max((erased.end() for erased in _ERASED.finditer(data)), default=0)
        if not end:
            self._follow(data)
            return [(b"", data, b"")]
        erasing, rest = data[:end], data[end:]
        self._follow(erasing)
        if _BACKGROUND.search(self._pen):  # the last row has this colour now, and the end of the hint would remove it
            self.shown = False
            return [(b"", data, b"")]
        drawn = self._drawn(self._row) if self._row is not None and _ERASED_LINE.search(erasing) else b""
        self._follow(rest)
        if drawn:
            return [(b"", erasing, drawn), (b"", rest, b"")]
        return [(b"", data, b"\x1b7" + own_row(self._text, self._columns, DIM) + b"\x1b8")]

    def _drawn(self, row: int) -> bytes:
        """Return the bytes that draw it while the cursor is in the first column of a row."""
        return own_row(self._text, self._columns, DIM) + b"\x1b[%d;1H%s" % (row + 1, self._pen)

    def _follow(self, data: bytes) -> None:
        """Follow the cursor's row, and the pen, through output that stays clear of the last row."""
        for match in _TOKEN.finditer(data):
            token = match[0]
            if match["text"]:
                self._width += sum(1 if character.isascii() else 2 for character in token.decode("utf-8", "replace"))
                if self._width > self._columns:
                    self._row = None  # it may have wrapped
            elif token == b"\n" and self._row is not None:
                self._row += 1
            elif token == b"\r":
                self._width = 0
            elif token == b"\t":
                self._width = min(self._width + 8, self._columns)
            elif token[:2] == b"\x1b[" and token[-1:] in b"CG":
                self._width = self._columns
            elif token[:2] == b"\x1b[" and token[-1:] == b"m" and token[2:3] not in (b"<", b"=", b">", b"?"):
                self._pen = b"" if token in (b"\x1b[m", b"\x1b[0m") else self._pen + token
                if len(self._pen) > _LONGEST_PEN:
                    self._row = None

    def _stays(self, data: bytes) -> bool:
        """Return whether output cannot reach the last row, and ends in no sequence and no character."""
        if _HARMLESS.sub(b"", data) or _SWITCH.search(data) or unfinished_character(data):
            return False
        self._part += len(data)
        self._room -= data.count(b"\n") + self._part // self._columns
        self._part %= self._columns
        return self._room > 0
