"""A program's output as lines, for `logs -f` and `wait --for`.

The emulator has the rows of the cursor's line; rows that scroll off are finished. Editing inside the line works, also
in the rows that it wraps over: a progress bar is one line, a corrected word is right, and what a shell draws anew is
not printed again. Moves to other lines have no effect, and the alternate screen has no lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sesh.vt.encoded import closed, encode, without_sgr
from sesh.vt.parser import Parser
from sesh.vt.reflow import crop, unwrap
from sesh.vt.row import Row, blank, logical_line
from sesh.vt.screen import Screen
from sesh.vt.scrollback import Scrollback

_MAX_LINES = 65536  # finished by one piece, as by many NEL; older ones are dropped
_MAX_BYTES = 1 << 20
MAX_ROWS = 64  # of a line that the cursor can reach; screens are seldom higher
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


class _LineScreen(Screen):
    """A screen with the rows of one line: it grows when the line wraps, and shrinks when the cursor leaves the line."""

    def reset(self) -> None:
        super().reset()
        self.linefeed_mode = True  # lines of a log may end with LF alone

    def index(self, continues: bool | None = None) -> None:
        """Move down a row: within the line, which stays whole as shells move like this in it, or to a new one."""
        self.cancel_wrap()
        cursor = self.cursor
        if cursor.y == self.height - 1 and (self.alternate or self.height == (MAX_ROWS if continues else 1)):
            self._scroll_row(bool(continues))
        elif cursor.y == self.height - 1:
            self.rows.append(blank(self.columns, self.pen.erased, continues=bool(continues)))
            cursor.y += 1
            self._set_height(self.height + 1)
        else:
            cursor.y += 1
            if continues:
                self.rows[cursor.y].continues = True
        if not (continues or self.alternate):
            self._finish(self.line_start(cursor.y))

    def _finish(self, count: int) -> None:
        """Move the first rows to the scrollback: their lines are finished."""
        if not count:
            return
        for row, following in zip(self.rows[:count], self.rows[1 : count + 1]):
            following.continues = self.scrollback.push(row, following.continues)
        del self.rows[:count]
        self.cursor.y -= count
        self.saved = self.saved._replace(row=max(0, self.saved.row - count))
        self._set_height(self.height - count)

    def _set_height(self, height: int) -> None:
        self.height = height
        self.bottom = height - 1

    def swap_pages(self, rows: list[Row]) -> None:
        super().swap_pages(rows if len(rows) == self.height else crop(rows, self.columns, self.height))

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """Ignore DECSTBM: its rows are those of a whole screen."""

    def _row(self, line: int | None) -> int:
        """Return the line's first row: which row of a whole screen it is, is not known."""
        return 0

    def reverse_index(self) -> None:
        """RI: move up within the line."""
        if self.cursor.y:
            super().reverse_index()
        else:
            self.cancel_wrap()

    def repeat(self, count: int = 1) -> None:
        """REP: at most a row, so that a few bytes do not become many lines."""
        super().repeat(min(count or 1, self.columns))

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """EL: a row whose end is erased does not wrap into the next one any more."""
        super().erase_in_line(how, private)
        y, x = self.cursor.y, self.cursor.x
        if (how == 0 and x < self.columns) or how == 2:
            for row in self.rows[y + 1 : y + 2]:
                row.continues = False

    def unfinished(self) -> list[Row]:
        """Return the rows of the cursor's line, with those that have scrolled off."""
        rows = self.main_rows
        start = end = len(rows) - 1 if self.alternate else self.cursor.y
        while start and rows[start].continues:
            start -= 1
        while end + 1 < len(rows) and rows[end + 1].continues:
            end += 1
        scrolled = [] if start else self.scrollback.open_rows
        return [*scrolled, *rows[start : end + 1]]


class LineReader:
    """Reads output from `position` on as lines; `start`: bytes that restore the state there."""

    def __init__(self, position: int, columns: int, start: bytes = b"") -> None:
        self.position = position
        self._scrollback = Scrollback(_MAX_LINES, _MAX_BYTES)
        self._screen = _LineScreen(max(1, columns), 1, self._scrollback)
        self._parser = Parser(self._screen)
        self._parser.parse(start)

    @property
    def current(self) -> Line:
        """The unfinished line, with the cursor."""
        return self._unfinished(self._screen.unfinished())

    @property
    def rest(self) -> list[Line]:
        """What is left when the output has ended: the unfinished line, and what a program erased it from."""
        rows = [*self._scrollback.open_rows, *self._screen.main_rows]
        lines = [encode(line) for line in unwrap(rows)]
        while lines and not without_sgr(lines[-1]):
            lines.pop()
        return [Line(line, without_sgr(line), self.position, final=False) for line in lines]

    def _unfinished(self, rows: list[Row]) -> Line:
        screen = self._screen
        line = logical_line(rows)
        encoded = encode(line)
        blanks = 0
        if rows[-1] is screen.rows[screen.cursor.y]:
            blanks = screen.cursor.x - (len(line) - screen.columns * (len(rows) - 1))
        return Line(encoded, without_sgr(encoded) + " " * blanks, self.position, final=False)

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield the lines that `data` finishes, and each row just before a CR."""
        for piece in _PIECE.finditer(data):
            text = piece[0]
            if piece[1] == b"\r":
                self._take(text[:-1])
                before = self._unfinished([self._screen.main_rows[self._screen.cursor.y]])
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
