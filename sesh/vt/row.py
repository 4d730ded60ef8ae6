"""Rows and logical lines: two parallel lists, a grapheme and a pen for each column."""

from __future__ import annotations

from collections.abc import Sequence

from sesh.vt.pen import DEFAULT, Pen

STUB = ""  # the right half of a wide grapheme


class Spacer(str):
    """A blank in the last column, too narrow for a wide grapheme; told by identity."""


SPACER = Spacer(" ")


class Row:
    """A row of the screen's width, or a logical line of any length."""

    __slots__ = ("continues", "pens", "prompt", "text")

    def __init__(self, text: list[str], pens: list[Pen], *, continues: bool = False, prompt: bool = False) -> None:
        self.text = text  # a grapheme, STUB or SPACER for each column
        self.pens = pens  # a pen for each column
        self.continues = continues  # the row continues the logical line of the row above
        self.prompt = prompt  # a shell's prompt begins the line (OSC 133 A)

    def __len__(self) -> int:
        return len(self.text)

    def put(self, x: int, graphemes: Sequence[str], pen: Pen) -> None:
        """Write graphemes, one for each column, from column `x` on."""
        text = self.text
        end = x + len(graphemes)
        if text[x] == STUB or (end < len(text) and text[end] == STUB):
            self.blank_across(pen, x, end)
        # A replay restores a pending wrap by printing a blank over a spacer; the cell must stay a spacer.
        keeps_spacer = end == len(text) and text[-1] is SPACER and graphemes[-1] == " "
        text[x:end] = graphemes
        self.pens[x:end] = [pen] * (end - x)
        if keeps_spacer:
            text[-1] = SPACER

    def fill(self, start: int, end: int, pen: Pen) -> None:
        if start < end:
            self.put(start, [" "] * (end - start), pen)

    def blank_across(self, pen: Pen, *edges: int) -> None:
        """Blank the wide graphemes that span the left edge of a column in `edges`."""
        for edge in edges:
            if 0 < edge < len(self.text) and self.text[edge] == STUB:
                self.text[edge - 1 : edge + 1] = [" ", " "]
                self.pens[edge - 1 : edge + 1] = [pen, pen]

    def replace(self, x: int, part: Row, pen: Pen) -> None:
        """Put `part` at column `x`; wide graphemes that it cuts become blanks in `pen`."""
        end = x + len(part)
        self.blank_across(pen, x, end)
        self.text[x:end] = part.text
        self.pens[x:end] = part.pens

    def shift(self, x: int, count: int, end: int, pen: Pen) -> None:
        """Shift columns `x` to before `end` right by `count`, or left if it is negative."""
        size = min(abs(count), end - x)
        start, stop = (x, end - size) if count > 0 else (x + size, end)
        self.blank_across(pen, x, start, stop, end)
        kept, blanks = self.cut(start, stop), blank(size, pen)
        left, right = (blanks, kept) if count > 0 else (kept, blanks)
        self.text[x:end] = left.text + right.text
        self.pens[x:end] = left.pens + right.pens

    def cut(self, start: int, end: int) -> Row:
        return Row(self.text[start:end], self.pens[start:end])

    def part(self, start: int, end: int) -> Row:
        """Return the columns as `cut` does, but with blanks instead of halves of wide graphemes."""
        part = self.cut(start, end)
        if part.text and part.text[0] == STUB:
            part.text[0] = " "
        if part.text and end < len(self.text) and self.text[end] == STUB:
            part.text[-1] = " "
        return part

    def end(self) -> int:
        """Return the column after the last cell that is not a default blank."""
        end = len(self.text)
        while end and self.text[end - 1] == " " and self.pens[end - 1] is DEFAULT:
            end -= 1
        return end

    def trimmed(self, least: int = 0) -> Row:
        """Return the row without trailing default blanks, but at least `least` columns."""
        end = max(least, self.end())
        return Row(self.text[:end], self.pens[:end], prompt=self.prompt)

    def trimmed_text(self) -> str:
        return self.full_text().rstrip(" ")

    def full_text(self) -> str:
        return "".join(self.text)

    def ends_in_spacer(self, following: Row | None) -> bool:
        """Return whether the last column is empty because `following`'s first grapheme did not fit."""
        if self.text[-1] is not SPACER or following is None or not following.continues:
            return False
        return following.text[1:2] == [STUB] and self.pens[-1] is following.pens[0].erased

    def line_part(self, following: Row | None) -> Row:
        """Return the columns that belong to the logical line. `following`: the next row."""
        if following is None or not following.continues:
            return self.trimmed()
        return self.cut(0, len(self) - 1 if self.ends_in_spacer(following) else len(self))


def blank(columns: int, pen: Pen, *, continues: bool = False) -> Row:
    return Row([" "] * columns, [pen] * columns, continues=continues)


def logical_line(rows: Sequence[Row]) -> Row:
    """Join the rows of a line."""
    line = Row([], [], prompt=rows[0].prompt)
    for row, following in zip(rows, [*rows[1:], None]):
        part = row.line_part(following)
        line.text += part.text
        line.pens += part.pens
    return line
