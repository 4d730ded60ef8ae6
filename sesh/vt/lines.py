"""A program's output as lines, for `logs -f` and `wait --for`.

The emulator has one row, the cursor's line; a row that scrolls off is a finished line. Editing inside the row works, so
that a progress bar is one line and a corrected word is right. Moves to other rows have no effect, and the alternate
screen has no lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sesh.vt.encoded import closed, encode, without_sgr
from sesh.vt.parser import Parser
from sesh.vt.row import Row, logical_line
from sesh.vt.screen import Screen
from sesh.vt.scrollback import Scrollback

_MAX_LINES = 65536  # finished by one piece, as by many NEL; older ones are dropped
_MAX_BYTES = 1 << 20
_PIECE = re.compile(rb"[^\n\v\f\r]*(\r\n|[\n\v\f\r])?")


class Line(NamedTuple):
    """A finished line; or a row just before a CR, which may be printed over."""

    encoded: str
    untrimmed: str  # the characters, with blanks up to the cursor
    end: int  # the position in the output after the line
    final: bool  # the line is finished

    @property
    def text(self) -> str:
        return self.untrimmed.rstrip(" ")

    @property
    def ansi(self) -> str:
        return closed(self.encoded)


class LineReader:
    """Reads output from `position` on as lines; `start`: bytes that restore the state there."""

    def __init__(self, position: int, columns: int, start: bytes = b"") -> None:
        self.position = position
        self._scrollback = Scrollback(_MAX_LINES, _MAX_BYTES)
        self._screen = Screen(max(1, columns), 1, self._scrollback)
        self._screen.linefeed_mode = True  # lines of a log may end with LF alone
        self._parser = Parser(self._screen)
        self._parser.parse(start)

    @property
    def current(self) -> Line:
        """The unfinished line, with the cursor."""
        return self._unfinished([*self._scrollback.open_rows, *self._screen.main_rows])

    def _unfinished(self, rows: list[Row]) -> Line:
        line = logical_line(rows)
        encoded = encode(line)
        blanks = self._screen.cursor.x - (len(line) - self._screen.columns * (len(rows) - 1))
        return Line(encoded, without_sgr(encoded) + " " * blanks, self.position, final=False)

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield the lines that `data` finishes, and each row just before a CR."""
        for piece in _PIECE.finditer(data):
            text = piece[0]
            if piece[1] == b"\r":
                self._take(text[:-1])
                before = self._unfinished(self._screen.main_rows)
                self._take(b"\r")
                if before.untrimmed and not (self._parser.unfinished or self._screen.alternate):
                    yield before._replace(end=self.position)
            elif text:
                self._take(text)
                for line in self._scrollback.take():
                    yield Line(line, without_sgr(line), self.position, final=True)

    def _take(self, data: bytes) -> None:
        self._parser.parse(data)
        self.position += len(data)
