"""Where a text without line feeds wraps, found without an emulator.

It works for simple text: characters of one or two columns that never join, marks of no width, SGR, tabs with the
default stops, and CR, printed with DECAWM on a screen without left and right margins.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

from sesh.vt.graphemes import MARKS, NARROW, WIDE

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_NO_WIDTH = re.compile(rf"\x1b\[[0-9;:]*m|[{MARKS}]+")
_SIMPLE = re.compile(rf"[\t\r{NARROW}{WIDE}]*")
_LATIN = re.compile(rf"[\t\r -~\xa1-\xa8\xaa-\xac\xaf-\xff{MARKS}]*")  # besides marks, only characters of Latin-1
_NOT_WIDE = re.compile(rf"[^{WIDE}]")
_WIDE_RUN = re.compile(f"[{WIDE}]+")
_MOVE = re.compile("[\t\r]")
_HALF = "\0"  # stands for the second column of a wide character
_PIECE = 1024  # characters that are looked at together: a place in a text is searched within one piece


def visible_part(text: str) -> str | None:
    """Return a simple text without what has no width; None for any other text."""
    if text.isascii():
        visible = _SGR.sub("", text) if "\x1b" in text else text
        return visible if "\x1b" not in visible else None
    visible = _SGR.sub("", text) if "\x1b" in text else text
    if _SIMPLE.fullmatch(visible):
        return visible
    if _LATIN.fullmatch(visible):
        return visible.encode("latin-1", "ignore").decode("latin-1")  # drops the marks
    visible = _NO_WIDTH.sub("", visible)
    return visible if _SIMPLE.fullmatch(visible) else None


@lru_cache(8)
def _stops(columns: int) -> list[int]:
    """Return where a tab leads from each column; from a pending wrap, nowhere."""
    return [*(min((x // 8 + 1) * 8, columns - 1) for x in range(columns)), columns]


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
            visible = visible_part(piece)
            if visible is None:
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
        skipped = 0
        for match in () if piece.isascii() and "\x1b" not in piece else _NO_WIDTH.finditer(piece):
            if match.start() - skipped > index:
                break
            skipped += match.end() - match.start()
        return at + index + skipped

    def _wrap(self, visible: str, x: int) -> tuple[Sequence[int], int]:
        """Return the rows' places in a piece without what has no width, and the column after it."""
        columns = self._columns
        if "\t" not in visible and "\r" not in visible:
            if visible.isascii() or not _WIDE_RUN.search(visible):
                return self._arithmetic(len(visible), 1, x)
            if not x % 2 and not columns % 2 and not _NOT_WIDE.search(visible):
                return self._arithmetic(len(visible), 2, x)
        cells = visible if visible.isascii() else _WIDE_RUN.sub(_with_halves, visible)
        if _HALF not in cells:
            if "\r" not in cells:
                return self._with_tabs(cells, x)
            if "\t" not in cells:
                first, *others = map(len, cells.split("\r"))
                if x + first <= columns and max(others) <= columns:  # nothing wraps
                    return [], others[-1]
        rows: list[int] = []
        stops = _stops(columns)
        start = place = halves = 0  # of the part before which all is done: in `cells`, and its number of second columns
        for size, move in zip(map(len, _MOVE.split(cells)), [*_MOVE.findall(cells), ""]):
            end = start + size
            while end - start > columns - x:
                wrap = start + columns - x
                if cells[wrap] == _HALF:
                    wrap -= 1
                halves += cells.count(_HALF, place, wrap)
                rows.append(wrap - halves)
                start = place = wrap
                x = 0
            x += end - start
            if move:
                x = stops[x] if move == "\t" else 0
            start = end + 1
        return rows, x

    def _with_tabs(self, visible: str, x: int) -> tuple[list[int], int]:
        """Wrap tabs and characters of one column."""
        columns = self._columns
        stops = _stops(columns)
        rows: list[int] = []
        place = 0
        *parts, last = map(len, visible.split("\t"))
        for size in parts:
            while size > columns - x:
                place += columns - x
                rows.append(place)
                size -= columns - x
                x = 0
            place += size + 1
            x = stops[x + size]
        more, x = self._arithmetic(last, 1, x)
        return [*rows, *(place + row for row in more)], x

    def _arithmetic(self, count: int, width: int, x: int) -> tuple[range, int]:
        """Wrap `count` characters of the same width, which fill each row."""
        columns = self._columns
        rows = range((columns - x) // width, count, columns // width)
        return rows, x + count * width if not rows else (count - rows[-1]) * width


def _with_halves(run: re.Match[str]) -> str:
    return _HALF.join([*run[0], ""])


def without_overwritten(text: str, start: int, columns: int, *, equal: bool) -> str:
    """Leave out what CR makes a simple text print over, on one row, from column `start` on; keep the SGR.

    `equal`: what is exactly as long as the text over it is left out, too. That needs a row without wide characters: at
    the end of a text, half of a wide one is erased, in the text's own pen.
    """
    visible = visible_part(text)
    if visible is None:
        return text
    parts, cells = text.split("\r"), visible.split("\r")
    if not visible.isascii():
        if _WIDE_RUN.search(visible):
            equal = False
        cells = [_WIDE_RUN.sub(_with_halves, part) for part in cells]
    ends = [min(columns, len(part)) for part in cells]
    ends[0] = min(columns, ends[0] + start)
    covered = 0  # columns that are printed over by what comes later
    kept = [parts[-1]]
    if "\t" not in cells[-1] and len(parts) > 1:
        covered = ends[-1]
    for index in range(len(parts) - 2, -1, -1):
        has_tab = "\t" in cells[index]
        end = columns if has_tab else ends[index]
        if end < covered or (equal and end == covered):
            kept.append("".join(_SGR.findall(parts[index])) + "\r" * (index == 0))
            continue
        kept.append(parts[index] + "\r")
        if not has_tab and index:
            covered = end
    return "".join(reversed(kept))
