"""A row of the screen; and a logical line at some width, with its rows as far as they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, compress, count, islice, pairwise
from operator import is_not

from sesh.vt import marks as prompt_marks
from sesh.vt.cell import BLANK, DEFAULT, Cell, Encoder, Pen, data_of, pen_of_cell
from sesh.vt.graphemes import GRAPHEMES, OTHER, SEAM, STUB, character, expanded, text_presentation
from sesh.vt.logical import LogicalLine, Sequences, joined, of_cells, pen_of_sequence
from sesh.vt.marks import Mark, Marks


class Row(list[Cell]):
    """A row of cells, always as long as the screen is wide.

    Text is written, erased and scrolled off as `text`, one character for each column (see `graphemes.character`). A
    `styled` row has a pen in `pens` for each character; or, while `parts` is not empty, for each of these parts of the
    text; or, where `parts` are `Sequences`, these SGRs in place of pens. Cells are made from it where somebody reads
    them (`settle`; `Screen.buffer` does it), or changes them as cells (`Screen.own_row`): then `text` is None.

    wrapped: the row goes on with the logical line of the row above (xterm.js: isWrapped).
    spacer: the last cell may be there only because a wide character did not fit and wrapped (see `ends_in_spacer`).
    marks: the prompt marks in it (see `marks`).
    shared: it is in several places, and is never changed (see `uniform`).
    rest: the cell, an ASCII one, that all cells behind the end of `text` are.
    Hints for speed: `styled`: cells may have pens that are not the default; `wide`: there may be wide characters;
    `stale`: the cells are not those of `text`.
    """

    __slots__ = ("marks", "parts", "pens", "rest", "shared", "spacer", "stale", "styled", "text", "wide", "wrapped")

    def __init__(self, columns: int, pen: Pen = DEFAULT) -> None:
        super().__init__([pen.space] * columns)
        self.wrapped = self.spacer = self.wide = self.shared = self.stale = False
        self.styled = pen is not DEFAULT
        self.rest = pen.space
        self.text: str | None = None
        self.pens: list[Pen] = []
        self.parts: Sequence[str] = ()
        self.marks: Marks = ()

    def own(self) -> Row:
        """Return a copy, which may be changed."""
        row = Row(0)
        row[:] = self
        row.wrapped, row.spacer, row.wide, row.styled = self.wrapped, self.spacer, self.wide, self.styled
        row.rest, row.stale, row.marks = self.rest, self.stale, self.marks
        row.text, row.pens, row.parts = self.text, self.pens[:], self.parts
        return row

    # -- text and cells -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Bring the cells up to date."""
        if self.stale and self.text is not None:
            text = self.text
            if self.styled:
                self.spread()
                cells = [pen.cell(char) for pen, char in zip(self.pens, text, strict=True)]
            else:
                cells = list(map(DEFAULT.cell, text))
            self[:] = cells + [self.rest] * (len(self) - len(text))
            self.stale = False

    def as_text(self) -> bool:
        """Make text of the cells, if there is none. Return whether it can: there are only so many stand-ins."""
        if self.text is None:
            characters = [character(cell[0]) for cell in self]
            if not all(characters):
                return False
            self.text = "".join(characters)
            self.pens = list(map(pen_of_cell, self)) if self.styled else []
        return True

    def spread(self) -> None:
        """Replace a pen for each part by one for each character."""
        if self.parts:
            self.pens = spread(self.pens, self.parts)
            self.parts = ()

    def put(self, x: int, data: str, pen: Pen) -> None:
        """Write text at `x`, a character for each column."""
        if x == 0 and len(data) >= len(self.text or "") and (pen is not DEFAULT or self.styled):
            self.text, self.pens, self.parts = data, [pen], [data]
            self.styled = self.stale = True
            self.wide = STUB in data
            return
        if self.parts:
            self.spread()
        if self.wide:
            self.blank_halves_outside(x, x + len(data), pen)
        self._put(x, data, [pen] * len(data) if pen is not DEFAULT or self.styled else ())
        if STUB in data:
            self.wide = True

    def put_pens(self, x: int, data: str, pens: list[Pen]) -> None:
        """Write text at `x`, with a pen for each character, into a row without wide characters."""
        if x == 0 and len(data) >= len(self.text or ""):
            self.text, self.pens, self.parts = data, pens, data
            self.styled = self.stale = True
        else:
            if self.parts:
                self.spread()
            self._put(x, data, pens)

    def _put(self, x: int, data: str, pens: Sequence[Pen]) -> None:
        text = self.text or ""
        size = len(text)
        if pens and not self.styled:
            self.styled = True
            self.pens = [DEFAULT] * size
        if x > size:
            text += self.rest[0] * (x - size)
            if self.styled:
                self.pens += [self.rest.pen] * (x - size)
        if pens:
            self.pens[x : x + len(data)] = pens
        self.text = text[:x] + data + text[x + len(data) :]
        self.stale = True

    def grapheme(self, x: int) -> str:
        """The text of a cell."""
        if self.text is None:
            return self[x].data
        if x >= len(self.text):
            return self.rest.data
        char = self.text[x]
        return GRAPHEMES.get(char, char)

    def pen(self, x: int) -> Pen:
        """The pen of a cell."""
        if self.text is None:
            return self[x].pen
        if x >= len(self.text):
            return self.rest.pen
        self.spread()
        return self.pens[x] if self.styled else DEFAULT

    def narrow(self, x: int, char: str) -> None:
        """Put a character of one column, and a default blank, where one of two columns is."""
        pen = self.pen(x)
        text = self.text or ""
        self.text = text[:x] + char + " " + text[x + 2 :]
        if self.styled:
            self.pens[x : x + 2] = [pen, DEFAULT]
        self.stale = True

    # -- erasing ------------------------------------------------------------------------------------------

    def clear(self, pen: Pen = DEFAULT) -> None:
        """Make it a blank row, as erasing with `pen` leaves it."""
        self.text = ""
        self.pens = []
        self.parts = ()
        self.rest = BLANK if pen is DEFAULT else pen.space
        self.styled = pen is not DEFAULT
        self.wrapped = self.spacer = self.wide = False
        self.marks = ()
        self.stale = True

    def fill(self, start: int, end: int, pen: Pen) -> None:
        """Blank the cells from `start` up to `end` with `pen`, and what this leaves of wide characters at the edges."""
        if start >= end:
            return
        if self.marks:  # one at `start` stays: a shell marks the end of its prompt, then erases the rest (zsh)
            behind = end if end < len(self) else end + 1
            self.marks = tuple(mark for mark in self.marks if not start < mark[0] < behind)
        if self.wide:
            self.blank_halves_outside(start, end, pen)
        space = pen.space
        text = self.text
        if text is None:
            self[start:end] = [space] * (end - start)
            self.styled = self.styled or pen is not DEFAULT
        elif end >= len(self) or (space is self.rest and end >= len(text)):
            if start > len(text) and space is not self.rest:  # up to `start` the old `rest` stays
                self.put(len(text), self.rest[0] * (start - len(text)), self.rest.pen)
            elif start < len(text):
                self.spread()
                self.text = text[:start]
                del self.pens[start:]
            self.rest = space
            if pen is not DEFAULT and not self.styled:
                self.pens = [DEFAULT] * len(self.text or "")
                self.styled = True
            self.stale = True
        else:
            self.put(start, " " * (end - start), pen)

    def blank_halves_outside(self, start: int, end: int, pen: Pen) -> None:
        """Prepare for overwriting `start` up to `end`: a wide character across either edge loses one half; blank the
        other."""
        if not self.wide:
            return
        for x in (start, end):
            if self._is_stub(x):
                self._put_blanks(x - (x == start), 1, pen)

    def _is_stub(self, x: int) -> bool:
        """Return whether a wide character lies across the left edge of a column."""
        if self.text is None:
            return 0 < x < len(self) and not self[x].data
        return x > 0 and self.text[x : x + 1] == STUB

    def _put_blanks(self, x: int, count: int, pen: Pen) -> None:
        if self.text is None:
            self[x : x + count] = [pen.space] * count
            self.styled = self.styled or pen is not DEFAULT
            return
        self.wide = False  # so that `put` looks for no halves: they are known
        self.put(x, " " * count, pen)
        self.wide = True

    # -- cells --------------------------------------------------------------------------------------------

    def blank_across(self, pen: Pen, *edges: int) -> None:
        """Blank each wide character that lies across one of `edges`, each given by the column to its right."""
        for edge in edges:
            if self.wide and self._is_stub(edge):
                self._put_blanks(edge - 1, 2, pen)

    def shift(self, x: int, count: int, end: int, pen: Pen) -> None:
        """Move the cells from `x` up to `end` right by `count` columns, left if it is negative. Blanks come in."""
        size = min(abs(count), end - x)
        blanks = [pen.space] * size
        if count > 0:
            self.blank_across(pen, x, end - size, end)
            self[x:end] = blanks + self[x : end - size]
        else:
            self.blank_across(pen, x, x + size, end)
            self[x:end] = self[x + size : end] + blanks
        self.styled = self.styled or pen is not DEFAULT
        self._settle_last()

    def _settle_last(self) -> None:
        """Settle the last column after cells were moved. The cell in it is no spacer. A grapheme that U+FE0E has made
        narrow cannot be written there, because its base does not fit; moved there it becomes a blank."""
        self.spacer = False
        if self.wide and text_presentation(self[-1].data):
            self[-1] = self[-1].pen.space

    def reset_hints(self) -> None:
        """After cells were moved: forget the hints."""
        self.styled = self.wide = True
        self._settle_last()

    def hold(self, line: LogicalLine) -> None:
        """Take over the columns of a line (see `LogicalLine.settled`)."""
        line = line.settled(len(self))
        text, pens = line.text, line.pens
        self.spacer, self.pens, self.parts = False, [], ()
        self.stale = isinstance(text, str)
        if not isinstance(text, str):
            self[: len(text)] = line.cells()
            self.text, self.styled, self.wide = None, True, True
            return
        self.text, self.styled, self.wide = text, bool(pens), STUB in text or not text.isascii()
        if isinstance(pens, Sequences):
            self.parts = pens
        else:
            self.pens = pens[:]  # those of a shared row stay as they are

    def trimmed(self) -> list[Cell]:
        """The cells without the default blanks at the end."""
        self.settle()
        end = len(self) if self.text is None or self.rest is not BLANK else len(self.text)
        while end and self[end - 1] == BLANK:
            end -= 1
        return self[:end]

    def part(self, start: int, end: int) -> list[Cell]:
        """Cells, with a blank for the half of a wide character at either edge."""
        self.settle()
        cells = self[start:end]
        if cells and not cells[0].data:
            cells[0] = cells[0].pen.space
        if cells and end < len(self) and not self[end].data:
            cells[-1] = cells[-1].pen.space
        return cells

    def line_between(self, start: int, end: int) -> LogicalLine:
        """As `part`, without cells."""
        line, end = self.line(), min(end, len(self))
        part = line.cut(start, end)
        if part and not line.grapheme(start):
            part = part.blanked(0)
        if part and end < len(self) and not line.grapheme(end):
            part = part.blanked(len(part) - 1)
        return part

    def ends_in_spacer(self, following: Row | None) -> bool:
        """Return whether the last cell is there only because the wide character that `following` begins with did not
        fit."""
        return self.spacer and following is not None and following.wrapped and is_spacer(self.last(), following)

    def line(self, *, trimmed: bool = False) -> LogicalLine:
        """Its columns; `trimmed`: without the default blanks at the end."""
        if not self.as_text():
            line = of_cells(self)
            return line.trimmed() if trimmed else line
        text, rest = self.text or "", self.rest
        if isinstance(self.parts, Sequences):
            line = LogicalLine(text, self.parts)
        else:
            self.spread()
            line = LogicalLine(text, self.pens if self.styled else [])
        if trimmed and rest is BLANK:
            return line.trimmed()
        missing = len(self) - len(text)
        if missing:
            pens = [rest.pen] * missing if rest.pen is not DEFAULT else []
            line = joined([line, LogicalLine(rest.data * missing, pens)])
        return line.trimmed() if trimmed else line

    def line_part(self, following: Row | None) -> LogicalLine:
        """Return its part of the logical line. `following`: the next row."""
        if following is None or not following.wrapped:
            return self.line(trimmed=True)
        line = self.line()
        return line.cut(0, len(self) - 1) if self.ends_in_spacer(following) else line

    def first_pen(self) -> Pen:
        """The pen of the first cell."""
        if self.text is None:
            return self[0].pen
        if not self.text:
            return self.rest.pen
        self.spread()
        return self.pens[0] if self.styled else DEFAULT

    def last(self) -> Cell:
        """The last cell."""
        if self.text is None:
            return self[-1]
        if len(self.text) < len(self):
            return self.rest
        self.spread()
        return (self.pens[-1] if self.styled else DEFAULT).cell(self.text[-1])

    def write(self, encoder: Encoder, *, trimmed: bool = False, spacer: bool = False) -> None:
        """Write cells and marks; `trimmed`: without the default blanks at the end; `spacer`: without the last cell."""
        end = len(self) - spacer
        if self.marks or self.text is None:
            self.settle()
            cells = self.trimmed() if trimmed else self[:end]
            prompt_marks.write(encoder, cells, self.marks, ends=trimmed)
            return
        if isinstance(self.parts, Sequences):
            line = self.line(trimmed=trimmed)
            (line.cut(0, end) if end < len(line) else line).write(encoder)
            return
        size = len(self.text)
        pens, texts = self._runs()
        if spacer and size > end:
            texts[-1] = texts[-1][:-1]
            if not texts[-1]:
                del pens[-1], texts[-1]
        if trimmed and (self.rest is BLANK or size == len(self)):
            while texts and pens[-1] is DEFAULT:
                texts[-1] = texts[-1].rstrip(" ")
                if texts[-1]:
                    break
                del pens[-1], texts[-1]
        encoder.runs(pens, texts)
        if not trimmed or self.rest is not BLANK:
            encoder.run(self.rest, end - size)

    def _runs(self) -> tuple[list[Pen], list[str]]:
        """The pens of the text, and for each of them the part of the text that it has."""
        text = self.text or ""
        if not (self.styled and text):
            return ([DEFAULT], [text]) if text else ([], [])
        if 0 < len(self.parts) < len(text):
            pens, ends = list(compress(self.pens, self.parts)), list(accumulate(map(len, filter(None, self.parts))))
        else:
            self.spread()
            ends = [*compress(count(1), map(is_not, self.pens, islice(self.pens, 1, None))), len(text)]
            if len(ends) == len(text):
                return self.pens[:], list(text)
            pens = [self.pens[end - 1] for end in ends]
        return pens, [text[start:end] for start, end in pairwise((0, *ends))]

    def plain(self) -> str:
        """The characters without the blanks at the end."""
        if self.text is None:
            return "".join(map(data_of, self)).rstrip(" ")
        return (expanded(self.text) + self.rest.data * (len(self) - len(self.text))).rstrip(" ")

    def encoded(self) -> str:
        """The text of cells and marks without the default blanks at the end (see `cell`)."""
        text = self.text
        if not (self.styled or self.marks) and text is not None and self.rest is BLANK:
            text = text.rstrip(" ")
            if (text.isascii() and not self.wide) or not OTHER.search(text):
                return text.replace(STUB, "") if self.wide else text
            if not SEAM.search(text):
                return expanded(text)
        encoder = Encoder()
        self.write(encoder, trimmed=True)
        return str(encoder)


def spread(pens: list[Pen], parts: Sequence[str]) -> list[Pen]:
    """Return a pen for each character, from one for each part of a text, or from their SGRs."""
    if isinstance(parts, Sequences):
        return list(map(pen_of_sequence, parts))
    return [pen for pen, part in zip(pens, parts, strict=True) for _ in part]


@lru_cache(64)
def blank(pen: Pen, columns: int, wrapped: bool = False) -> Row:
    """The row that erasing with `pen` leaves, shared by all that need it: to erase a screen costs no cells."""
    row = Row(columns, pen)
    row.wrapped, row.shared, row.text = wrapped, True, ""
    return row


@lru_cache(64)
def uniform(pen: Pen, grapheme: str, width: int, columns: int, wrapped: bool = False, last: Cell | None = None) -> Row:
    """The row full of one grapheme, shared like a blank one. Where the last column has no room, it is a spacer, or
    `last`."""
    row = Row(columns, pen.erased)
    count = columns // width
    row[: count * width] = [pen.cell(grapheme), pen.stub][:width] * count
    row.styled = pen is not DEFAULT
    row.wide = width > 1
    row.spacer = count * width < columns
    if row.spacer and last is not None:
        row[-1], row.spacer = last, False
    row.wrapped, row.shared = wrapped, True
    row.as_text()  # as text it is written at once, however often it scrolls off
    return row


def is_spacer(cell: Cell, following: Row) -> bool:
    """Return whether wrapping before the first character of `following` leaves this cell behind."""
    if len(following) < 2 or cell.data != " ":
        return False
    first = following.grapheme(0)
    if following.grapheme(1) and not text_presentation(first):
        return False
    return cell.pen.style == following.first_pen().erased.style


def row_of(line: LogicalLine, columns: int) -> Row:
    """The row that holds a part of a line."""
    row = Row(columns)
    row.hold(line)
    return row


class Wrapped:
    """A logical line wrapped at `columns`: where its rows begin, without the rows themselves."""

    __slots__ = ("_marks", "columns", "line", "starts")

    def __init__(self, line: LogicalLine, columns: int, marks: Sequence[Mark] = ()) -> None:
        self.columns, self._marks = columns, marks
        self.line = _narrowed(line) if columns == 1 else line
        self.starts = _starts(self.line.text, columns)

    @property
    def rows(self) -> int:
        """Number of rows that it takes."""
        return len(self.starts)

    def end(self, row: int) -> int:
        """Return the end of a row."""
        return self.starts[row + 1] if row + 1 < len(self.starts) else len(self.line)

    def spacer(self, row: int) -> Cell | None:
        """Return the cell in the last column of a row that is there because the next character did not fit there."""
        end = self.end(row)
        fits = row + 1 == self.rows or end - self.starts[row] == self.columns
        return None if fits else self.line.pen(end).erased.space

    def part(self, first: int, last: int) -> LogicalLine:
        """The rows from `first` up to `last`, without default blanks at the end of the line."""
        start = self.starts[first]
        line = self.line.cut(start, self.end(last - 1))
        return line.trimmed(self.starts[last - 1] - start) if last == self.rows else line

    def write(self, encoder: Encoder, first: int, last: int) -> None:
        """Write the rows from `first` up to `last`, with their marks."""
        part, marks = self.part(first, last), self._marks_of(first, last)
        if marks:
            prompt_marks.write(encoder, part.cells(), marks)
        else:
            part.write(encoder)

    def _marks_of(self, first: int, last: int) -> Marks:
        """The marks in the rows from `first` up to `last`, counted from their first cell. One between two rows belongs
        to the first of them."""
        if not self._marks:
            return ()
        start, end = self.starts[first], self.end(last - 1)
        most = self.starts[last - 1] - start + self.columns
        return tuple(
            (min(cell - start, most), body)
            for cell, body in self._marks
            if (cell > start or not first) and (cell <= end or last == self.rows)
        )

    def made(self, first: int, last: int) -> list[Row]:
        """The rows from `first` up to `last`."""
        rows = []
        for index in range(first, min(last, self.rows)):
            line, spacer = self.line.cut(self.starts[index], self.end(index)), self.spacer(index)
            if spacer is not None:
                line = joined([line, LogicalLine(" ", [spacer.pen])])
            row = row_of(line, self.columns)
            row.spacer = spacer is not None
            row.wrapped = index > 0
            row.marks = self._marks_of(index, index + 1)
            rows.append(row)
        return rows


def _narrowed(line: LogicalLine) -> LogicalLine:
    """A line for rows of one column: what needs two becomes a blank."""
    if not line or (isinstance(line.text, str) and line.text.isascii() and STUB not in line.text):
        return line
    graphemes = line.graphemes()
    kept = [
        character if following and not text_presentation(grapheme) else " "
        for character, grapheme, following in zip(line.text, graphemes, [*graphemes[1:], " "], strict=True)
        if grapheme
    ]
    pens = line.pens
    left = Sequences(compress(pens, graphemes)) if isinstance(pens, Sequences) else list(compress(pens, graphemes))
    return LogicalLine("".join(kept) if isinstance(line.text, str) else kept, left)


def _starts(text: str | list[str], columns: int) -> Sequence[int]:
    """Return the starts of a line's rows. A wide character is not cut, and one that U+FE0E has made narrow is written
    like a wide one: it does not fit into the last column."""
    size = len(text)
    if size < columns or columns == 1 or (isinstance(text, str) and text.isascii() and STUB not in text):
        return range(0, size or 1, columns)
    starts = [0]
    start = 0
    while True:
        end = min(start + columns, size)
        last = text[end - 1]
        if (end < size and text[end] in _STUBS) or (
            end - start == columns and text_presentation(GRAPHEMES.get(last, last))
        ):
            end -= 1
        if end >= size:
            return starts
        starts.append(end)
        start = end


_STUBS = ("", STUB)
"""The right half of a wide character, in a list of graphemes and in text."""
