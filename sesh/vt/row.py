"""A row of the screen: two parallel lists, a grapheme and a pen for each column. A logical line has the same form."""

from __future__ import annotations

from collections.abc import Sequence

from sesh.vt.graphemes import text_presentation
from sesh.vt.pen import DEFAULT, Pen

STUB = ""
"""The right half of a wide grapheme."""
SPACER = "\0"
"""A blank in the last column, there because the wide grapheme that comes next did not fit."""


class Row:
    """A row, as long as the screen is wide; or a logical line of any length.

    text: a grapheme for each column, STUB or SPACER. pens: the pen of each column. continues: the row goes on with the
    logical line of the row above. prompt: a shell's prompt begins in the first column of the line (OSC 133 A).
    """

    __slots__ = ("continues", "pens", "prompt", "text")

    def __init__(self, text: list[str], pens: list[Pen], *, continues: bool = False, prompt: bool = False) -> None:
        self.text, self.pens = text, pens
        self.continues, self.prompt = continues, prompt

    def __len__(self) -> int:
        return len(self.text)

    def put(self, x: int, graphemes: Sequence[str], pen: Pen) -> None:
        """Write graphemes, one for each column, from column `x` on."""
        end = x + len(graphemes)
        self.blank_across(pen, x, end)
        # A replay prints a blank over a spacer where a wrap waits behind it.
        stays = end == len(self.text) and self.text[-1] == SPACER and graphemes[-1] == " " and self.pens[-1] is pen
        self.text[x:end] = graphemes
        self.pens[x:end] = [pen] * (end - x)
        if stays:
            self.text[-1] = SPACER

    def fill(self, start: int, end: int, pen: Pen, grapheme: str = " ") -> None:
        """Fill columns with a grapheme of one column."""
        if start < end:
            self.put(start, [grapheme] * (end - start), pen)

    def blank_across(self, pen: Pen, *edges: int) -> None:
        """Blank each wide grapheme that lies across one of `edges`, each given by the column to its right."""
        for edge in edges:
            if 0 < edge < len(self.text) and self.text[edge] == STUB:
                self.text[edge - 1 : edge + 1] = [" ", " "]
                self.pens[edge - 1 : edge + 1] = [pen, pen]

    def replace(self, x: int, part: Row, pen: Pen) -> None:
        """Put the columns of `part` from column `x` on; `pen`: of what this leaves of wide graphemes."""
        end = x + len(part)
        self.blank_across(pen, x, end)
        self.text[x:end], self.pens[x:end] = part.text, part.pens
        self.settle_last()

    def shift(self, x: int, count: int, end: int, pen: Pen) -> None:
        """Move the columns from `x` up to `end` right by `count`, left if it is negative. Blanks come in."""
        size = min(abs(count), end - x)
        blanks = Row([" "] * size, [pen] * size)
        if self.text[-1] == SPACER:
            self.text[-1] = " "
        if count > 0:
            self.blank_across(pen, x, end - size, end)
            moved = self.cut(x, end - size)
            self.text[x:end], self.pens[x:end] = blanks.text + moved.text, blanks.pens + moved.pens
        else:
            self.blank_across(pen, x, x + size, end)
            moved = self.cut(x + size, end)
            self.text[x:end], self.pens[x:end] = moved.text + blanks.text, moved.pens + blanks.pens
        self.settle_last()

    def settle_last(self) -> None:
        """Make what was moved into the last column something that printing leaves there.

        A grapheme that U+FE0E has made narrow is none: it came from a wide one.
        """
        if self.text[-1] == SPACER or text_presentation(self.text[-1]):
            self.text[-1] = " "

    def cut(self, start: int, end: int) -> Row:
        """Return the columns from `start` up to `end`."""
        return Row(self.text[start:end], self.pens[start:end])

    def part(self, start: int, end: int) -> Row:
        """Return these columns, with a blank for a spacer and for the half of a wide grapheme at either edge."""
        part = self.cut(start, end)
        if part.text and part.text[-1] == SPACER:
            part.text[-1] = " "
        if part.text and part.text[0] == STUB:
            part.text[0] = " "
        if part.text and end < len(self.text) and self.text[end] == STUB:
            part.text[-1] = " "
        return part

    def end(self) -> int:
        """Return the column behind the last one that is no default blank."""
        text = self.drawn()
        end = len(self.text) - (len(text) - len(text.rstrip(" ")))
        tail = self.pens[end:]
        if tail.count(DEFAULT) < len(tail):  # blanks in a colour
            end += max(index for index, pen in enumerate(tail, 1) if pen is not DEFAULT)
        return end

    def trimmed(self, least: int = 0) -> Row:
        """Return the row without the default blanks at its end; the first `least` columns stay."""
        end = max(least, self.end())
        return Row(self.text[:end], self.pens[:end], prompt=self.prompt)

    def is_blank(self) -> bool:
        """Tell whether the row is as erasing leaves it, in any colours."""
        return not self.plain() and all(pen.erased is pen for pen in set(self.pens))

    def plain(self) -> str:
        """Return the characters without the blanks at the end."""
        return self.drawn().rstrip(" ")

    def drawn(self) -> str:
        """Return the characters, blanks too."""
        return "".join(self.text).replace(SPACER, " ")

    def ends_in_spacer(self, following: Row | None) -> bool:
        """Tell whether wrapping before the first grapheme of `following` leaves the last column as it is."""
        if self.text[-1] != SPACER or following is None or not following.continues or len(following) < 2:
            return False
        wide = following.text[1] == STUB or text_presentation(following.text[0])
        return wide and self.pens[-1].style == following.pens[0].erased.style

    def line_part(self, following: Row | None) -> Row:
        """Return the columns that are part of the logical line, if `following` is the next row."""
        if following is None or not following.continues:
            return self.trimmed()
        return self.cut(0, len(self) - self.ends_in_spacer(following))


def blank(columns: int, pen: Pen, *, continues: bool = False) -> Row:
    """Return a row as erasing with `pen` leaves it."""
    return Row([" "] * columns, [pen] * columns, continues=continues)


def joined(rows: Sequence[Row], following: Row | None = None) -> Row:
    """Return the logical line of rows; `following`: the row after them."""
    line = Row([], [], prompt=rows[0].prompt)
    for row, below in zip(rows, [*rows[1:], following], strict=True):
        part = row.line_part(below)
        line.text += part.text
        line.pens += part.pens
    return line
