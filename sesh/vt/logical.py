"""A logical line: the text of rows that wrapped, joined; a resize cuts it into rows again.

It has no cells: it is joined and cut as text and lists, as a row holds them. What comes from the scrollback keeps its
SGRs until somebody asks for a pen, because reading an SGR takes a hundred times as long as moving it.
"""

from __future__ import annotations

import re
from itertools import chain, compress, count, islice, pairwise
from operator import is_not, ne
from typing import TypeVar

from sesh.vt.cell import DEFAULT, Cell, Encoder, Pen, apply_sgr, data_of, decode, pen_of_cell, sequence_of
from sesh.vt.graphemes import GRAPHEMES, SEAM, columns, is_narrow, text_presentation
from sesh.vt.marks import Mark

_SGR = re.compile(r"(\x1b\[(?:0;[0-9;:]+)?m)")
"""The SGR of a pen, as encoded texts have it (see `cell`)."""
_ERASED = re.compile(r"(?:\x1b\[(?:0;(?:4[0-7]|10[0-7]|48;5;[0-9]+|48;2;[0-9]+;[0-9]+;[0-9]+))?m)*\Z")
"""SGRs of pens that erasing leaves: a background at most."""


T = TypeVar("T")


class Sequences(list[str]):
    """The SGRs of pens without links, in place of these pens."""


def pen_of_sequence(sequence: str) -> Pen:
    """The pen that has this SGR."""
    return apply_sgr(DEFAULT, sequence[2:-1])


class LogicalLine:
    """A grapheme for each column and its pen.

    text: one character for each column, as in a row (see `graphemes.character`); or a list of the graphemes, where one
    of them has no stand-in. pens: a pen for each column, or its SGR; empty if all are the default pen.
    """

    __slots__ = ("pens", "text")

    def __init__(self, text: str | list[str], pens: list[Pen] | Sequences) -> None:
        self.text, self.pens = text, pens

    def __len__(self) -> int:
        return len(self.text)

    def cut(self, start: int, end: int) -> LogicalLine:
        """The columns from `start` up to `end`."""
        pens = self.pens
        part = Sequences(pens[start:end]) if isinstance(pens, Sequences) else pens[start:end]
        return LogicalLine(self.text[start:end], part)

    def trimmed(self, least: int = 0) -> LogicalLine:
        """Return it without the default blanks at its end; the first `least` columns stay."""
        text, pens = self.text, self.pens
        start = max(least, len(text.rstrip(" "))) if isinstance(text, str) else least
        end = len(text) if pens or not isinstance(text, str) else start
        default = DEFAULT.sequence if isinstance(pens, Sequences) else DEFAULT
        while end > start and text[end - 1] == " " and (not pens or pens[end - 1] == default):
            end -= 1
        return self.cut(0, end) if end < len(text) else self

    def settled(self, columns: int) -> LogicalLine:
        """Return it as it is in a row after cells were moved: a grapheme that U+FE0E has made narrow cannot be written
        into the last column, because its base does not fit; moved there it becomes a blank."""
        last = columns - 1
        if len(self) <= last or not text_presentation(self.grapheme(last)):
            return self
        return self.blanked(last)

    def blanked(self, column: int) -> LogicalLine:
        """Return it with a blank of the same pen in a column."""
        blank = LogicalLine(" ", [self.pen(column)])
        return joined([self.cut(0, column), blank, self.cut(column + 1, len(self))])

    def all_pens(self) -> list[Pen]:
        """A pen for each column."""
        pens = self.pens
        if isinstance(pens, Sequences):
            return list(map(pen_of_sequence, pens))
        return pens or [DEFAULT] * len(self.text)

    def sequences(self) -> Sequences | None:
        """The SGR for each column; None if there is a link."""
        pens = self.pens
        if isinstance(pens, Sequences):
            return pens
        if not pens:
            return Sequences([DEFAULT.sequence] * len(self.text))
        return None if any(pen.link for pen in pens) else Sequences(map(sequence_of, pens))

    def graphemes(self) -> list[str]:
        """The grapheme in each column; "" in the right half of a wide one."""
        return [GRAPHEMES.get(character, character) for character in self.text]

    def grapheme(self, column: int) -> str:
        """The grapheme in a column."""
        return GRAPHEMES.get(self.text[column], self.text[column])

    def pen(self, column: int) -> Pen:
        """The pen of a column."""
        pen = self.pens[column] if self.pens else DEFAULT
        return pen_of_sequence(pen) if isinstance(pen, str) else pen

    def cells(self) -> list[Cell]:
        """The cells."""
        return [pen.cell(grapheme) for pen, grapheme in zip(self.all_pens(), self.text, strict=True)]

    def is_blank(self) -> bool:
        """Return whether it is as erasing leaves it, in any colours."""
        if any(map(" ".__ne__, self.text)):
            return False
        pens = self.pens
        if isinstance(pens, Sequences):
            return _ERASED.match("".join(pens)) is not None
        return all(pen.erased is pen for pen in pens)

    def write(self, encoder: Encoder) -> None:
        """Write it."""
        text, pens = self.text, self.pens
        if not text:
            return
        if not isinstance(text, str):
            encoder.cells(self.cells())
            return
        if isinstance(pens, Sequences):
            if not text.isascii() and SEAM.search(text):
                LogicalLine(text, self.all_pens()).write(encoder)
                return
            runs, texts = _runs(text, pens, list(compress(count(1), map(ne, pens, islice(pens, 1, None)))))
            encoder.sequences(runs, texts, pen_of_sequence(runs[0]), pen_of_sequence(runs[-1]))
        elif pens:
            encoder.runs(*_runs(text, pens, list(compress(count(1), map(is_not, pens, islice(pens, 1, None))))))
        else:
            encoder.text(DEFAULT, text)

    def encoded(self, *, reset: bool = False) -> str:
        """Its encoded text (see `cell`); `reset`: it ends with the default pen."""
        encoder = Encoder()
        self.write(encoder)
        if reset:
            encoder.set_pen(DEFAULT)
        return str(encoder)


def _runs(text: str, pens: list[T], ends: list[int]) -> tuple[list[T], list[str]]:
    """Return the pens and the texts of the parts of `text` that end before each of `ends` and at its end."""
    if len(ends) + 1 == len(text):
        return pens, list(text)
    ends.append(len(text))
    return [pens[end - 1] for end in ends], [text[start:end] for start, end in pairwise((0, *ends))]


def of_cells(cells: list[Cell]) -> LogicalLine:
    """The line of these cells."""
    return LogicalLine(list(map(data_of, cells)), list(map(pen_of_cell, cells)))


def joined(lines: list[LogicalLine]) -> LogicalLine:
    """Several parts as one line."""
    if len(lines) == 1:
        return lines[0]
    texts = [line.text for line in lines if isinstance(line.text, str)]
    text: str | list[str] = "".join(texts)
    if len(texts) < len(lines):
        text = list(chain.from_iterable(line.graphemes() for line in lines))
    if not any(line.pens for line in lines):
        return LogicalLine(text, [])
    if any(isinstance(line.pens, Sequences) for line in lines):
        parts = [sequences for line in lines if (sequences := line.sequences()) is not None]
        if len(parts) == len(lines):
            return LogicalLine(text, Sequences(chain.from_iterable(parts)))
    return LogicalLine(text, list(chain.from_iterable(line.all_pens() for line in lines)))


def decoded(text: str, marks: list[Mark]) -> LogicalLine:
    """The line of an encoded text; its marks are added to `marks`, each with the number of columns before it."""
    parts = _SGR.split(text)
    words = parts[::2]
    plain = "".join(words)
    if "\x1b" in plain:  # links, marks, or a grapheme that is one with mode 2027 only
        return of_cells(decode(text, marks))
    if not is_narrow(plain):
        laid_out = {word: columns(word) for word in {*words} if word}
        if not all(laid_out.values()):
            return of_cells(decode(text, marks))
        words = [laid_out.get(word, "") for word in words]
        plain = "".join(words)
    if len(words) == 1:
        return LogicalLine(plain, [])
    sequences = [DEFAULT.sequence, *parts[1::2]]
    if not words[0] and len(plain) == len(words) - 1 and all(islice(words, 1, None)):
        return LogicalLine(plain, Sequences(islice(sequences, 1, None)))  # one character for each SGR
    return LogicalLine(plain, Sequences([sgr for sgr, word in zip(sequences, words, strict=True) for _ in word]))
