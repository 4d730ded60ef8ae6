"""Where the end of a typed text stands on the screen, and whether the program has taken it from there. Pure.

Blanks, box drawing and the breaks of rows do not count: composers frame a text, and wrap it where they like.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Cell = tuple[int, int]
"""Row and column of a character, from 0."""

_LENGTH, _DISTINCT = 12, 6
"""Characters of the end of a text that are looked for; and of one that may be a part of other words."""
_SOLID = re.compile(r"[^\s\x00-\x1f\x7f|\u2500-\u259f]+")
"""Characters that are neither blanks nor controls nor box drawing, of which `|` is one."""
_FRAME, _RULE = re.compile("[|\u2500-\u259f]"), re.compile("[\u2500\u2501\u2550\u2580-\u259f]{3}")


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
            changed = any(_at(self._before, cell) != _at(rows, cell) for cell in cells)
            if changed and (len(self._end) >= _DISTINCT or _alone(rows, cells)):
                self.seen = True
                return cells
            start = solid.rfind(self._end, 0, start + len(self._end) - 1)
        return []

    def empty_below(self, rows: Sequence[str]) -> bool:
        """Returns whether the end is shown, and the row below it bears no words, as after a swallowed Enter."""
        cells = self.find(rows)
        return bool(cells) and not any(map(_says, rows[cells[-1][0] + 1 : cells[-1][0] + 2]))

    def taken(self, cells: Sequence[Cell], asked: Sequence[str], rows: Sequence[str]) -> bool:
        """Returns whether a program has taken the text that stood in these cells when the screen showed `asked`.

        It has if the end is gone, or if it stands in a history, with a composer and maybe an answer below it. One that
        makes a new line of Enter leaves an empty row below the text. It may move with its text, also while it starts,
        and hints, clocks and spinners change by themselves: so rows below the text are counted, not compared, and none
        below the frame of its composer.
        """
        match = self.find(rows)
        if not match:
            return True
        below, below_before = rows[match[-1][0] + 1 :], asked[cells[-1][0] + 1 :]
        if _framed(below_before):
            below, below_before = _framed(below) or below, _framed(below_before)
        return _filled(below) > _filled(below_before)


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


def _alone(rows: Sequence[str], cells: Sequence[Cell]) -> bool:
    """Returns whether the characters in these cells are no part of a longer word."""
    (first, start), (last, end) = cells[0], cells[-1]
    return not (_at(rows, (first, start - 1)) + _at(rows, (last, end + 1))).isalnum()


def _at(rows: Sequence[str], cell: Cell) -> str:
    row, column = cell
    return rows[row][column : column + 1].strip() if row < len(rows) and column >= 0 else ""


def _filled(rows: Sequence[str]) -> int:
    """The number of rows with words or a rule. A mark within a frame says nothing: some stand before each line."""
    return sum(bool(_RULE.search(row)) or _says(row) for row in rows)


def _framed(rows: Sequence[str]) -> Sequence[str]:
    """The rows down to the last rule; empty without one."""
    return rows[: max((number for number, row in enumerate(rows, 1) if _RULE.search(row)), default=0)]


def _says(row: str) -> bool:
    words = _solid(row)
    return words != "" and (any(map(str.isalnum, words)) or not _FRAME.search(row))


def _solid(text: str) -> str:
    return "".join(_SOLID.findall(text))
