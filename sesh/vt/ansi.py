"""Cells as text with SGR and OSC 8, and back.

The form is canonical: the same cells give the same text, so that texts can be compared and joined. A text begins with
the default pen. A change of pen is one SGR that begins with a reset. Where two cells would join if one were written
right after the other, the SGR is repeated between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from sesh.vt.cell import DEFAULT, Cell, Pen, apply_sgr, with_link
from sesh.vt.grammar import LINK, SGR, SGR_PARAMETERS
from sesh.vt.graphemes import ZWJ, clusters, joined

data_of = itemgetter(0)
pen_of_cell = itemgetter(Cell._fields.index("pen"))

_PART = re.compile(rf"{SGR_PARAMETERS}|{LINK}|([^\x1b]+)")
_SEQUENCE = re.compile(rf"{SGR}|{LINK}")


class Encoder:
    """Collects text in `parts`; knows the pen and the last grapheme of what it has so far."""

    def __init__(self, pen: Pen = DEFAULT, last: str = "") -> None:
        self.parts: list[str] = []
        self.pen = pen
        self.last = last

    def __str__(self) -> str:
        return "".join(self.parts)

    def sequence(self, text: str) -> None:
        """Write control functions, across which no characters join."""
        self.parts.append(text)
        self.last = ""

    def set_pen(self, pen: Pen) -> None:
        """Write with `pen` from now on."""
        now = self.pen
        if pen is now or pen.style == now.style:
            return
        if pen.link != now.link:
            self.parts.append(f"\x1b]8;{pen.link or ';'}\x1b\\")
        if pen.sgr != now.sgr:
            self.parts.append(pen.sequence)
        self.pen = pen
        self.last = ""

    def cells(self, cells: Iterable[Cell]) -> None:
        """Write cells."""
        parts = self.parts
        for pen, group in groupby(cells, pen_of_cell):
            if pen is not self.pen:
                self.set_pen(pen)
            texts = list(map(data_of, group))
            text = "".join(texts)
            if text.isascii() and self.last.isascii():
                if text:
                    parts.append(text)
                    self.last = text[-1]
                continue
            for data in texts:
                if data:
                    # Some terminals join more behind a ZWJ than others.
                    if self.last and (joined(self.last, 1, data[0]) or self.last[-1] == ZWJ):
                        parts.append(pen.sequence)
                    parts.append(data)
                    self.last = data


def encode(cells: Iterable[Cell], *, reset: bool = False) -> str:
    """The text of `cells`; `reset`: it ends with the default pen."""
    encoder = Encoder()
    encoder.cells(cells)
    if reset:
        encoder.set_pen(DEFAULT)
    return str(encoder)


def decode(text: str) -> list[Cell]:
    """The cells of an encoded text."""
    pen = DEFAULT
    cells: list[Cell] = []
    for match in _PART.finditer(text):
        sgr, link, words = match.groups()
        if words is not None:
            if words.isascii():
                cells.extend(map(pen.cell, words))
            else:
                for cluster, width in clusters(words):
                    cells.append(pen.cell(cluster))
                    if width == 2:
                        cells.append(pen.stub)
        elif sgr is not None:
            pen = apply_sgr(pen, sgr)
        else:
            pen = with_link(pen, "" if link == ";" else link)
    return cells


def plain(text: str) -> str:
    """An encoded text without its SGR and links."""
    return _SEQUENCE.sub("", text) if "\x1b" in text else text


def closed(text: str) -> str:
    """An encoded text, with the pen and the link reset at its end."""
    if "\x1b" not in text:
        return text
    return text + ("\x1b[m\x1b]8;;\x1b\\" if "\x1b]8" in text else "\x1b[m")
