"""A row of the screen, and the rows that make up a logical line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

from sesh.vt import marks as prompt_marks
from sesh.vt.cell import BLANK, DEFAULT, Cell, Encoder, Pen, pen_of_cell
from sesh.vt.graphemes import GRAPHEMES, STUB, character, text_presentation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.vt.marks import Marks


class Row(list[Cell]):
    """A row of cells, always as long as the screen is wide.

    Text is written, erased and scrolled off as `text`, one character for each column (see `graphemes.character`). A
    `styled` row has a pen in `pens` for each character; or, while `parts` is not empty, for each of these parts of the
    text. Cells are made from it where somebody reads them (`settle`; `Screen.buffer` does it), or changes them as cells
    (`Screen.own_row`): then `text` is None.

    wrapped: the row goes on with the logical line of the row above (xterm.js: isWrapped).
    spacer: the last cell may be there only because a wide character did not fit and wrapped (see `ends_in_spacer`).
    marks: the prompt marks in it (see `marks`).
    shared: it is in several places, and is never changed (see `uniform`); `line` is then its text, if known.
    Hints for speed: from `used` (or the end of `text`) on, all cells are `rest`, an ASCII one; `styled`: cells may have
    pens that are not the default; `wide`: there may be wide characters; `stale`: the cells are not those of `text`.
    """

    __slots__ = (
        "line", "marks", "parts", "pens", "rest", "shared", "spacer", "stale", "styled", "text", "used", "wide",
        "wrapped",
    )  # fmt: skip

    def __init__(self, columns: int, pen: Pen = DEFAULT) -> None:
        super().__init__([pen.space] * columns)
        self.wrapped = self.spacer = self.wide = self.shared = self.stale = False
        self.styled = pen is not DEFAULT
        self.rest = pen.space
        self.used = 0
        self.line: str | None = None
        self.text: str | None = None
        self.pens: list[Pen] = []
        self.parts: Sequence[str] = ()
        self.marks: Marks = ()

    def own(self) -> Row:
        """Return a copy, which may be changed."""
        row = Row(0)
        row[:] = self
        row.wrapped, row.spacer, row.wide, row.styled = self.wrapped, self.spacer, self.wide, self.styled
        row.rest, row.used, row.stale = self.rest, self.used, self.stale
        row.text, row.pens, row.parts, row.marks = self.text, self.pens[:], self.parts, self.marks
        return row

    # -- text and cells -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Bring the cells up to date."""
        if self.stale and self.text is not None:
            text = self.text
            self.used = len(text)
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
            cells = self[: self.used]
            characters = [character(cell[0]) for cell in cells]
            if not all(characters):
                return False
            self.text = "".join(characters)
            self.pens = list(map(pen_of_cell, cells)) if self.styled else []
        return True

    def spread(self) -> None:
        """Replace a pen for each part by one for each character."""
        if self.parts:
            self.pens = spread(self.pens, self.parts)
            self.parts = ()

    def put(self, x: int, data: str, pen: Pen) -> None:
        """Write text at `x`, a character for each column."""
        self.spread()
        end = x + len(data)
        if self.wide:
            self.blank_halves_outside(x, end, pen)
        text = self.text or ""
        size = len(text)
        if x > size:
            text += self.rest[0] * (x - size)
        if pen is not DEFAULT or self.styled:
            pens = self.pens
            if not self.styled:
                self.styled = True
                pens = self.pens = [DEFAULT] * size
            if x > size:
                pens += [self.rest.pen] * (x - size)
            pens[x:end] = [pen] * (end - x)
        self.text = text[:x] + data + text[end:]
        if STUB in data:
            self.wide = True
        self.stale = True

    def put_pens(self, x: int, data: str, pens: list[Pen]) -> None:
        """Write text at `x`, with a pen for each character, into a row without wide characters."""
        text = self.text or ""
        size, end = len(text), x + len(data)
        if x == 0 and end >= size:
            self.text, self.pens, self.parts = data, pens, data
            self.styled = self.stale = True
            return
        if self.parts:
            self.spread()
        if not self.styled:
            self.styled = True
            self.pens = [DEFAULT] * size
        if x > size:
            text += self.rest[0] * (x - size)
            self.pens += [self.rest.pen] * (x - size)
        self.pens[x:end] = pens
        self.text = text[:x] + data + text[end:]
        self.stale = True

    def grapheme(self, x: int) -> str:
        """The text of a cell."""
        if self.text is None:
            return self[x].data
        if x >= len(self.text):
            return self.rest.data
        char = self.text[x]
        return GRAPHEMES.get(char, char)

    # -- erasing ------------------------------------------------------------------------------------------

    def clear(self, pen: Pen = DEFAULT) -> None:
        """Make it a blank row, as erasing with `pen` leaves it."""
        self.text = ""
        self.pens = []
        self.parts = ()
        self.rest = pen.space
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
        if text is not None:
            if end >= len(self) or (space is self.rest and end >= len(text)):
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
            return
        if space is self.rest:
            end = min(end, self.used)
            if start < end:
                self[start:end] = [space] * (end - start)
                if end == self.used:
                    self.used = start
            return
        self[start:end] = [space] * (end - start)
        if end == len(self):
            self.rest = space
            self.used = start
        else:
            self.used = max(self.used, end)
        self.styled = self.styled or pen is not DEFAULT

    def blank_halves_outside(self, start: int, end: int, pen: Pen) -> None:
        """Prepare for overwriting `start` up to `end`: a wide character across either edge loses one half; blank the
        other."""
        if not self.wide:
            return
        if self.text is not None:
            for x in (start, end):
                if 0 < x < len(self.text) and self.text[x] == STUB:
                    self._put_blanks(x - (x == start), 1, pen)
            return
        if 0 < start < len(self) and not self[start].data:
            self[start - 1] = pen.space
            self.styled = self.styled or pen is not DEFAULT
        if end < len(self) and not self[end].data:
            self[end] = pen.space
            self.styled = self.styled or pen is not DEFAULT

    def _put_blanks(self, x: int, count: int, pen: Pen) -> None:
        self.wide = False  # so that `put` looks for no halves: they are known
        self.put(x, " " * count, pen)
        self.wide = True

    # -- cells --------------------------------------------------------------------------------------------

    def blank_across(self, pen: Pen, *edges: int) -> None:
        """Blank each wide character that lies across one of `edges`, each given by the column to its right."""
        if self.wide and self.text is not None:
            for edge in edges:
                if 0 < edge < len(self.text) and self.text[edge] == STUB:
                    self._put_blanks(edge - 1, 2, pen)
        elif self.wide:
            for edge in edges:
                if 0 < edge < len(self) and not self[edge].data:
                    self[edge - 1] = self[edge] = pen.space

    def shift(self, x: int, count: int, end: int, pen: Pen) -> None:
        """Move the cells from `x` up to `end` right by `count` columns, left if it is negative. Blanks come in."""
        size = min(abs(count), end - x)
        blanks = [pen.space] * size
        if count > 0:
            self.blank_across(pen, x, end - size, end)
            self[x:end] = blanks + self[x : end - size]
            self.used = min(max(self.used, x) + size, end) if end == len(self) else len(self)
        else:
            self.blank_across(pen, x, x + size, end)
            self[x:end] = self[x + size : end] + blanks
            if end < len(self) or pen.space is not self.rest:
                self.used = len(self)
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
        self.used = len(self)
        self.rest = BLANK
        self.styled = self.wide = True
        self._settle_last()

    def trimmed(self) -> list[Cell]:
        """The cells without the default blanks at the end."""
        self.settle()
        end = self.used if self.rest is BLANK else len(self)
        while end and self[end - 1] == BLANK:
            end -= 1
        return self[:end]

    def ends_in_spacer(self, following: Row | None) -> bool:
        """Return whether the last cell is there only because the wide character that `following` begins with did not
        fit."""
        self.settle()
        return self.spacer and following is not None and following.wrapped and is_spacer(self[-1], following)

    def line_part(self, following: Row | None) -> list[Cell]:
        """Return the cells as a part of the logical line. `following`: the next row."""
        if following is None or not following.wrapped:
            return self.trimmed()
        return self[:-1] if self.ends_in_spacer(following) else self[:]

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
        if self.marks:
            self.settle()
            prompt_marks.write(encoder, self.trimmed() if trimmed else self[:end], self.marks, ends=trimmed)
            return
        if self.text is None:
            if trimmed:
                encoder.cells(self.trimmed())
            else:
                encoder.cells(self[: min(self.used, end)])
                encoder.run(self.rest, end - self.used)
            return
        self.spread()
        text, pens = self.text[:end], self.pens[:end]
        count = len(text)
        if trimmed and (self.rest is BLANK or count == len(self)):
            text = text.rstrip(" ")
            if self.styled:
                while count > len(text) and pens[count - 1] is DEFAULT:
                    count -= 1
                text = self.text[:count]
            pens = pens[:count]
        if not self.styled:
            if text:
                encoder.text(DEFAULT, text)
        else:
            start = 0
            for pen, group in groupby(pens):
                after = start + len(list(group))
                encoder.text(pen, text[start:after])
                start = after
        if not trimmed or self.rest is not BLANK:
            encoder.run(self.rest, end - len(self.text))

    def encoded(self) -> str:
        """The text of cells and marks without the default blanks at the end (see `cell`)."""
        if self.line is not None:
            return self.line
        text = self.text
        if not (self.styled or self.wide or self.marks) and text is not None and self.rest is BLANK and text.isascii():
            return text.rstrip(" ")
        encoder = Encoder()
        self.write(encoder, trimmed=True)
        text = str(encoder)
        if self.shared:
            self.line = text
        return text


def spread(pens: list[Pen], parts: Sequence[str]) -> list[Pen]:
    """Return a pen for each character, from one for each part of a text."""
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
    if grapheme.isascii() and row[0] != BLANK:
        row.rest, row.used = row[0], 0
    else:
        row.rest, row.used = BLANK, columns
    row.styled = pen is not DEFAULT
    row.wide = width > 1
    row.spacer = count * width < columns
    if row.spacer and last is not None:
        row[-1], row.spacer = last, False
    row.wrapped, row.shared = wrapped, True
    return row


def is_spacer(cell: Cell, following: Row) -> bool:
    """Return whether wrapping before the first character of `following` leaves this cell behind."""
    if len(following) < 2 or cell.data != " ":
        return False
    first = following.grapheme(0)
    if following.grapheme(1) and not text_presentation(first):
        return False
    return cell.pen.style == following.first_pen().erased.style


def logical_lines(rows: Sequence[Row]) -> list[list[Cell]]:
    """The cells of each logical line; the first row begins one, whatever came before it."""
    lines: list[list[Cell]] = []
    for y, row in enumerate(rows):
        part = row.line_part(rows[y + 1] if y + 1 < len(rows) else None)
        if y and row.wrapped:
            lines[-1] += part
        else:
            lines.append(part)
    return lines
