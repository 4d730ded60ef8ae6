"""Where the end of a typed text stands on the screen, and whether the program has taken it from there. Pure.

Blanks, box drawing and the breaks of rows do not count: composers frame a text, and wrap it where they like.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Cell = tuple[int, int]
    """Row and column of a character, from 0."""

_LENGTH, _DISTINCT = 12, 6
"""Characters of the end of a text that are looked for; and from which on no other words are likely to hold it."""
_SOLID = re.compile(r"[^\s\x00-\x1f\x7f\u2500-\u259f]+")
"""Characters that are neither blanks nor controls nor box drawing."""
_FRAME = re.compile("[\u2500-\u259f]")


class TextEnd:
    """The end of a text that is typed while the screen shows the rows `before`."""

    def __init__(self, text: str, before: Sequence[str]) -> None:
        self._end = _solid(text.rstrip().rpartition("\n")[2].rpartition("\r")[2])[-_LENGTH:]
        self._before = before
        self.seen = False
        """True once it was shown."""

    def find(self, rows: Sequence[str]) -> list[Cell]:
        """The lowest cells in which the end stands, if one of them has changed; empty if it is not shown."""
        pieces = [(number, piece) for number, row in enumerate(rows) for piece in _SOLID.finditer(row)]
        solid = "".join(piece[0] for _, piece in pieces)
        start = solid.rfind(self._end) if self._end else -1
        while start >= 0:
            cells = _cells(pieces, start, start + len(self._end))
            if any(_at(self._before, cell) != _at(rows, cell) for cell in cells):
                self.seen = True
                return cells
            start = solid.rfind(self._end, 0, start + len(self._end) - 1)
        return []

    def taken(self, cells: Sequence[Cell], asked: Sequence[str], rows: Sequence[str], *, enters: int = 1) -> bool:
        """Returns whether a program has taken the text that stood in these cells when the screen showed `asked`.

        It has if the end is gone from there, or if more rows below it bear words. A composer that makes a new line of
        Enter leaves an empty row below the text, which may have moved up by a row for each of `enters`, and moves what
        stands below. Hints, clocks and spinners there change by themselves.
        """
        first, below = cells[0][0], cells[-1][0] + 1
        for up in range(enters + 1):
            stands = all(_at(rows, (row - up, column)) == _at(asked, (row, column)) for row, column in cells)
            if not stands and not up and len(self._end) >= _DISTINCT:  # a composer of one row moves its text sideways
                stands = self._end in _solid("".join(rows[first:below]))
            if stands:
                return _with_words(rows[below - up :]) > _with_words(asked[below:])
        return True


def _cells(pieces: Sequence[tuple[int, re.Match[str]]], start: int, end: int) -> list[Cell]:
    """The cells of the characters from `start` to `end`, counted over all pieces."""
    cells: list[Cell] = []
    for row, piece in pieces:
        length = len(piece[0])
        cells += [(row, piece.start() + index) for index in range(max(0, start), min(length, end))]
        start, end = start - length, end - length
        if end <= 0:
            break
    return cells


def _at(rows: Sequence[str], cell: Cell) -> str:
    row, column = cell
    return rows[row][column : column + 1].strip() if 0 <= row < len(rows) else ""


def _with_words(rows: Sequence[str]) -> int:
    """The number of rows that bear more than blanks and box drawing.

    A mark alone says nothing within a frame: some composers put one before each of their lines.
    """
    return sum(bool(words := _solid(row)) and (any(map(str.isalnum, words)) or not _FRAME.search(row)) for row in rows)


def _solid(text: str) -> str:
    return "".join(_SOLID.findall(text))
