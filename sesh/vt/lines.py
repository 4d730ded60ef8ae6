"""The program's output as lines, each as it stood when the cursor left it: for `--logs -f` and `--wait --for`.

A terminal's editing within a line is carried out (carriage return, backspace, tabs, erasing, moving), so that a
progress bar is one line and a corrected word is right; the sources are ECMA-48 and XTerm's ctlseqs. Moving to other
lines has no meaning here, and the alternate screen holds no lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sesh.vt.ansi import Painter, cells_of, data_of
from sesh.vt.cell import BLANK, DEFAULT, Cell, step
from sesh.vt.graphemes import clusters

LIMIT = 64 << 10
"""Cells of a line, and bytes of a sequence, beyond which nothing more is kept."""

_TOKEN = re.compile(
    rb"\x1b\[([0-?]*)[ -/]*([@-~]) | \x1b[\]PX^_k][^\x07\x18\x1a\x1b]*(?:\x07|\x1b\\|(?=[\x18\x1a\x1b]))"
    rb" | \x1b[ -/]*[0-OQ-WYZ\\`-jl-~] | (\r\n|[\x00-\x1a\x1c-\x1f\x7f])",
    re.VERBOSE,
)
_OPEN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[ -/]*|[\]PX^_k][^\x07\x18\x1a\x1b]*\x1b?)\Z")
_PARTIAL = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
_ALTERNATE = {b"?47", b"?1047", b"?1049"}
_ENDS = frozenset((b"\n", b"\x0b", b"\x0c", b"\r", b"\r\n"))
_TAB = 8


class Line:
    """A line that was finished, or, where it was not (`final`), one as it stood when the cursor went back to its start.

    `end`: the position of the stream behind it.
    """

    __slots__ = ("cells", "end", "final")

    def __init__(self, cells: list[Cell], end: int, *, final: bool) -> None:
        self.cells, self.end, self.final = cells, end, final

    @property
    def text(self) -> str:
        """The characters, without the blanks at the end."""
        return "".join(map(data_of, self.cells)).rstrip(" ")

    @property
    def ansi(self) -> str:
        """The same with its SGR, which leaves no pen behind."""
        cells = self.cells[:]
        while cells and cells[-1] is BLANK:
            cells.pop()
        painter = Painter()
        painter.cells(cells)
        painter.use(DEFAULT)
        return str(painter)


class LineReader:
    """Takes the stream's bytes from `position` on; the terminal is `columns` wide.

    `start`: what stands on the first line already, painted; the cursor is in its column `column`, or at its end (-1).
    """

    def __init__(self, position: int, columns: int, start: str = "", column: int = 0) -> None:
        self.position = position
        self._columns = max(1, columns)
        self._cells = cells_of(start)
        self._at = len(self._cells) if column < 0 else column
        self._pen = DEFAULT
        self._held = b""
        self._wraps = self.alternate = False

    def resume(self, unfinished: bytes) -> None:
        """Has the first bytes go on with a sequence whose start came before `position`."""
        self._held = unfinished

    @property
    def current(self) -> Line:
        """The line that the cursor stands on."""
        return Line(self._cells, self.position, final=False)

    def feed(self, data: bytes) -> Iterator[Line]:
        """The lines that `data` ends, and those that it goes back to the start of."""
        base = self.position - len(self._held)
        data = self._held + data
        self._held = b""
        at = 0
        for token in _TOKEN.finditer(data):
            if token.start() > at:
                self._write(data[at : token.start()])
            at = token.end()
            control = token[3]
            if control is None:
                if token[2]:
                    self._control(token[1], token[2])
            elif control in _ENDS:
                self.position = base + at
                if self.alternate:
                    continue
                if control != b"\r":
                    yield Line(self._cells, self.position, final=True)
                    self._cells, self._at = [], 0
                elif self._cells:
                    yield Line(self._cells[:], self.position, final=False)
                self._return()
            else:
                self._move(control)
        rest = data[at:]
        cut = _OPEN.search(rest) or _PARTIAL.search(rest)
        if cut is not None and len(rest) - cut.start() <= LIMIT:
            rest, self._held = rest[: cut.start()], rest[cut.start() :]
        if rest:
            self._write(rest)
        self.position = base + len(data)

    def _write(self, data: bytes) -> None:
        """Text at the cursor, over what stands there."""
        if self.alternate:
            return
        text = data.decode("utf-8", "replace")
        pen = self._pen
        self._pad()
        if text.isascii():
            new = list(map(pen.cell, text))
        else:
            new = []
            for cluster, width in clusters(self._taken_back() + text):
                new.append(pen.cell(cluster))
                new += [pen.stub] * (width - 1)
        end = self._at + len(new)
        if end <= LIMIT:
            self._cells[self._at : end] = new
            self._at = end
            self._wraps = bool(new) and end % self._columns == 0

    def _taken_back(self) -> str:
        """The last grapheme, where more may join it: what joins may have come in another block."""
        cells = self._cells
        if self._at != len(cells) or not cells or cells[-1].pen is not self._pen:
            return ""
        width = 1 if cells[-1].data else 2
        self._at -= width
        last = cells[-width].data
        del cells[-width:]
        return last

    def _pad(self) -> None:
        """Blanks up to the cursor."""
        if self._at > len(self._cells):
            self._cells += [BLANK] * (min(self._at, LIMIT) - len(self._cells))

    def _return(self) -> None:
        """To the start of the row: a line that wraps has several."""
        row = (self._at - self._wraps) // self._columns if self._at else 0
        self._at = row * self._columns
        self._wraps = False

    def _move(self, control: bytes) -> None:
        if self.alternate:
            return
        if control == b"\b":
            self._at = max(0, self._at - 1)
        elif control == b"\t":
            self._at = min(self._at + _TAB - self._at % _TAB, LIMIT)
        self._wraps = False

    def _control(self, words: bytes, final: bytes) -> None:
        """A control sequence: colours, erasing and moving within the line, the other screen on and off."""
        if final in b"hl" and words[:1] == b"?":
            if any(b"?" + word in _ALTERNATE for word in words[1:].split(b";")):
                self.alternate = final == b"h"
            return
        if self.alternate or words[:1] in (b"?", b">", b"<", b"="):
            return
        if final == b"m":
            self._pen = step(self._pen, words.decode("ascii"))
            return
        first, _, second = words.partition(b";")
        count = min(int(first) if first.isdigit() else 0, LIMIT)
        some = max(1, count)
        at, start = self._at, self._at - self._at % self._columns
        if final in b"KJ":
            self._erase(count, start)
        elif final == b"X":
            self._cells[at : at + some] = [BLANK] * len(self._cells[at : at + some])
        elif final == b"P":
            del self._cells[at : at + some]
        elif final == b"@" and at < len(self._cells):
            self._cells[at:at] = [BLANK] * some
        moves = {b"C": at + some, b"D": max(start, at - some), b"G": start + some - 1, b"`": start + some - 1}
        moves |= {b"A": max(at % self._columns, at - some * self._columns)}
        moves |= {b"B": min(at + some * self._columns, max(at, len(self._cells)))}
        if final in b"Hf":
            moves[final] = max(1, int(second) if second.isdigit() else 1) - 1
        self._at = min(moves.get(final, at), LIMIT)
        del self._cells[LIMIT:]
        self._wraps = False

    def _erase(self, how: int, start: int) -> None:
        """EL and ED, as far as they concern this line."""
        at = self._at
        if how == 0:
            del self._cells[at:]
        elif how == 1:
            self._cells[start : at + 1] = [BLANK] * len(self._cells[start : at + 1])
        else:
            del self._cells[start:]
