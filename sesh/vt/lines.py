"""A second, small emulator: a program's output as lines, for `--logs -f` and `--wait --for`.

It keeps one line where the emulator keeps a screen, so that it can say of each line when it was finished and at which
position of the output, without a size or a scrollback that matter. Editing within the line is carried out (CR, BS, HT,
erasing, inserting, moving), so that a progress bar is one line and a corrected word is right. Moving to other lines has
no effect, and the alternate screen has no lines. Grammar, SGR, widths and the form of the text are the emulator's.
"""

from __future__ import annotations

import re
from codecs import utf_8_decode
from collections.abc import Iterator

from sesh.vt.cell import BLANK, DEFAULT, Cell, apply_sgr, data_of, decode, encode
from sesh.vt.grammar import ABORTED, CSI, CSI_END, CSI_PARTS, ESCAPE, STRING_END, STRINGS, UNFINISHED, parameter
from sesh.vt.graphemes import clusters

LIMIT = 64 << 10
"""Cells of a line, and bytes of an unfinished sequence, that are kept."""

_TOKEN = re.compile(
    rf"(?=[\x00-\x1f\x7f])(?:{CSI_PARTS}|{CSI}|{ESCAPE}|(\r\n|[^\x1b])|({UNFINISHED})|{ABORTED})".encode()
)
_FINAL, _CONTROL, _UNFINISHED = 4, 5, 6
"""Groups of a token: the final byte of a control sequence; a control; an unfinished sequence."""
_ENDS = (re.compile(CSI_END.encode()), re.compile(STRING_END.encode()))
"""The end of a control sequence, and of a string."""
_C1 = re.compile("[\x80-\x9f]")
_ALTERNATE_SCREEN = {"47", "1047", "1049"}
_LINE_ENDS = frozenset((b"\n", b"\x0b", b"\x0c", b"\r", b"\r\n"))
_TAB = 8


class Line:
    """A finished line; or, if not `final`, a line as it was when the cursor returned to its start.

    `end`: the position of the output just after it.
    """

    __slots__ = ("cells", "end", "final")

    def __init__(self, cells: list[Cell], end: int, *, final: bool) -> None:
        self.cells, self.end, self.final = cells, end, final

    @property
    def text(self) -> str:
        """The characters, without the blanks at the end."""
        return self.untrimmed.rstrip(" ")

    @property
    def untrimmed(self) -> str:
        """The characters, with the blanks at the end."""
        return "".join(map(data_of, self.cells))

    @property
    def ansi(self) -> str:
        """The text with its SGR, which is reset at the end."""
        cells = self.cells[:]
        while cells and cells[-1] is BLANK:
            cells.pop()
        return encode(cells, reset=True)


class LineReader:
    """Reads the output from `position` on, for a terminal of `columns`.

    `start`: the encoded text (see `cell`) that the first line has already, with the cursor in its column `column`, or
    at its end (-1).
    """

    def __init__(self, position: int, columns: int, start: str = "", column: int = 0) -> None:
        self.position = position
        self.alternate = False
        self._columns = max(1, columns)
        self._cells = decode(start)
        self._at = len(self._cells) if column < 0 else column
        """Column of the cursor, counted over all rows of the line."""
        self._pen = DEFAULT
        self._pending = b""
        self._pending_wrap = False

    def resume(self, unfinished: bytes) -> None:
        """Begin within a sequence or a character whose start came before `position`."""
        self._pending = unfinished

    @property
    def current(self) -> Line:
        """The line with the cursor."""
        return Line(self._cells, self.position, final=False)

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield the lines that `data` finishes, and each line to whose start a CR returns, as it was."""
        if len(self._pending) >= LIMIT and not _ENDS[chr(self._pending[1]) in STRINGS].search(data):
            self.position += len(data)
            return  # more of what is ignored already, usually an image
        base = self.position - len(self._pending)
        data = self._pending + data
        self._pending = b""
        start = 0
        for token in _TOKEN.finditer(data):
            if token.start() > start:
                self._print(data[start : token.start()].decode("utf-8", "replace"))
            start = token.end()
            kind = token.lastindex
            if kind == _CONTROL:
                control = token[_CONTROL]
                if control not in _LINE_ENDS:
                    self._move(control)
                    continue
                self.position = base + start
                if self.alternate:
                    continue
                if control != b"\r":
                    yield Line(self._cells, self.position, final=True)
                    self._cells, self._at = [], 0
                elif self._cells:
                    yield Line(self._cells[:], self.position, final=False)
                self._carriage_return()
            elif kind == _FINAL:
                prefix, parameters, intermediates, final = token.group(1, 2, 3, 4)
                if not intermediates:
                    self._control_sequence(prefix, parameters.decode("ascii"), final)
            elif kind == _UNFINISHED:
                self._pending = token[_UNFINISHED][:LIMIT]
        text, taken = utf_8_decode(data[start:], "replace")  # not what the end begins of a character
        if text:
            self._print(text)
        self._pending = self._pending or data[start + taken :]
        self.position = base + len(data)

    def _print(self, text: str) -> None:
        if self.alternate:
            return
        pen, start = self._pen, self._at
        if start > len(self._cells):
            self._cells += [BLANK] * (start - len(self._cells))
        if text.isascii():
            new = list(map(pen.cell, text))
        else:
            new = []
            start, before = self._last_grapheme()
            for cluster, width in clusters(before + _C1.sub("", text)):
                new.append(pen.cell(cluster))
                new += [pen.stub] * (width - 1)
        del new[LIMIT - start :]
        end = start + len(new)
        self._cells[start : max(self._at, end)] = new
        self._at = end
        self._pending_wrap = bool(new) and end % self._columns == 0

    def _last_grapheme(self) -> tuple[int, str]:
        """Return column and text of the grapheme before the cursor, if what comes may join it."""
        cells = self._cells
        if self._at != len(cells) or not cells or cells[-1].pen is not self._pen:
            return self._at, ""
        width = 1 if cells[-1].data else 2
        return self._at - width, cells[-width].data

    def _carriage_return(self) -> None:
        """Go to the first column of the row with the cursor; a line that wrapped has several rows."""
        row = (self._at - self._pending_wrap) // self._columns if self._at else 0
        self._at = row * self._columns
        self._pending_wrap = False

    def _move(self, control: bytes) -> None:
        if self.alternate:
            return
        if control == b"\b":
            self._at = max(0, self._at - 1)
        elif control == b"\t":
            self._at = min(self._at + _TAB - self._at % _TAB, LIMIT)
        self._pending_wrap = False

    def _control_sequence(self, prefix: bytes, parameters: str, final: bytes) -> None:
        """Act on SGR; on erasing, inserting, deleting and moving within the line; on the alternate screen."""
        if prefix == b"?" and final in b"hl":
            if not _ALTERNATE_SCREEN.isdisjoint(parameters.split(";")):
                self.alternate = final == b"h"
            return
        if self.alternate or prefix:
            return
        if final == b"m":
            self._pen = apply_sgr(self._pen, parameters)
            return
        if ":" in parameters:
            return
        first, second, *_ = [parameter(part) for part in parameters.split(";", 2)[:2]] + [0]
        self._edit(final, first)
        self._at = min(self._moved(final, min(max(first, 1), LIMIT), max(second, 1)), LIMIT)
        self._pending_wrap = False

    def _moved(self, final: bytes, count: int, column: int) -> int:
        """Return the column to which a control sequence moves the cursor."""
        x, columns = self._at, self._columns
        start = x - x % columns
        if final == b"C":
            return x + count
        if final == b"D":
            return max(start, x - count)
        if final in b"G`":
            return start + count - 1
        if final == b"A":
            return max(x % columns, x - count * columns)
        if final == b"B":
            return min(x + count * columns, max(x, len(self._cells)))
        return column - 1 if final in b"Hf" else x

    def _edit(self, final: bytes, first: int) -> None:
        """Act on EL and ED, as far as they concern this line, ECH, DCH and ICH."""
        x, cells = self._at, self._cells
        start = x - x % self._columns
        count = min(max(first, 1), LIMIT)
        if final in b"JK":
            if first == 1:
                cells[start : x + 1] = [BLANK] * len(cells[start : x + 1])
            else:
                del cells[start if first else x :]
        elif final == b"X":
            cells[x : x + count] = [BLANK] * len(cells[x : x + count])
        elif final == b"P":
            del cells[x : x + count]
        elif final == b"@" and x < len(cells):
            cells[x:x] = [BLANK] * count
            del cells[LIMIT:]
