"""Where a text without line feeds wraps, found without an emulator.

It works for simple text: characters of one or two columns that never join, marks of no width, SGR, tabs with the
default stops, and CR, printed with DECAWM on a screen without left and right margins.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from sesh.vt.graphemes import MARKS, NARROW, WIDE

_NO_WIDTH = re.compile(rf"\x1b\[[0-9;:]*m|[{MARKS}]+")
_SIMPLE = re.compile(rf"[\t\r{NARROW}{WIDE}]*")
_NOT_WIDE = re.compile(rf"[^{WIDE}]")
_WIDE_RUN = re.compile(f"[{WIDE}]+")
_MOVE = re.compile("[\t\r]")
_HALF = "\0"  # stands for the second column of a wide character
_PIECE = 4096  # characters that are looked at together: a place in a text is searched within one piece


class Wraps:
    """The places in a text at which rows begin by wrapping; `start`: the column of its first character.

    `start` is `columns` if a wrap is pending. Each place is that of a character that is printed first in its row.
    """

    def __init__(self, text: str, columns: int, start: int) -> None:
        self.end = 0  # where the simple text ends; later rows are not found
        self._pieces: list[tuple[str, int]] = []  # a part of the text, and its place
        self._rows: list[Sequence[int]] = []  # for each piece, the rows' places among its characters with a width
        self._counts: list[int] = []  # how many rows begin before the end of each piece
        self._columns = columns
        x = start
        count = 0
        while self.end < len(text):
            piece = text[self.end : self.end + _PIECE]
            if "\x1b" in piece and len(piece) == _PIECE:  # do not cut an SGR
                piece = piece[: piece.rfind("\x1b") or _PIECE]
            visible = _NO_WIDTH.sub("", piece)
            if "\x1b" in visible or not (visible.isascii() or _SIMPLE.fullmatch(visible)):
                return
            rows, x = self._wrap(visible, x)
            count += len(rows)
            self._pieces.append((piece, self.end))
            self._rows.append(rows)
            self._counts.append(count)
            self.end += len(piece)

    def __len__(self) -> int:
        return self._counts[-1] if self._counts else 0

    def place(self, row: int) -> int:
        """Return the place in the text at which row number `row` begins, counted from 0."""
        number = bisect_right(self._counts, row)
        piece, at = self._pieces[number]
        first = self._counts[number] - len(self._rows[number])
        index = self._rows[number][row - first]
        # Skip what has no width before so many characters.
        spans = [match.span() for match in _NO_WIDTH.finditer(piece)]
        sizes = [end - start for start, end in spans]
        before = [start - skipped for (start, _), skipped in zip(spans, accumulate([0, *sizes]))]
        return at + index + sum(sizes[: bisect_right(before, index)])

    def _wrap(self, visible: str, x: int) -> tuple[Sequence[int], int]:
        """Return the rows' places in a piece without what has no width, and the column after it."""
        columns = self._columns
        if _MOVE.search(visible) is None:
            if visible.isascii() or not _WIDE_RUN.search(visible):
                return self._arithmetic(len(visible), 1, x)
            if not x % 2 and not columns % 2 and not _NOT_WIDE.search(visible):
                return self._arithmetic(len(visible), 2, x)
        cells = visible if visible.isascii() else _WIDE_RUN.sub(_with_halves, visible)
        rows: list[int] = []
        start = place = halves = 0  # of the part before which all is done: in `cells`, and its number of second columns
        for end in [*(match.start() for match in _MOVE.finditer(cells)), len(cells)]:
            while end - start > columns - x:
                wrap = start + columns - x
                if cells[wrap] == _HALF:
                    wrap -= 1
                halves += cells.count(_HALF, place, wrap)
                rows.append(wrap - halves)
                start = place = wrap
                x = 0
            x += end - start
            start = end + 1
            if cells[end : end + 1] == "\r":
                x = 0
            elif end < len(cells) and x < columns:
                x = min((x // 8 + 1) * 8, columns - 1)
        return rows, x

    def _arithmetic(self, count: int, width: int, x: int) -> tuple[range, int]:
        """Wrap `count` characters of the same width, which fill each row."""
        columns = self._columns
        rows = range((columns - x) // width, count, columns // width)
        return rows, x + count * width if not rows else (count - rows[-1]) * width


def _with_halves(run: re.Match[str]) -> str:
    return _HALF.join([*run[0], ""])
