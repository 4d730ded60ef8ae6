"""Cells into text with SGR and OSC 8, and back.

The form is canonical: the same cells give the same text, so texts can be compared and joined. A text begins with
the default pen. A change of pen is one full SGR (it begins with a reset). Two cells that would join if written
one after the other are kept apart by repeating the SGR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from sesh.vt.cell import DEFAULT, Cell, Pen, linked, step
from sesh.vt.graphemes import ZWJ, clusters, joined

data_of = itemgetter(0)
pen_of_cell = itemgetter(Cell._fields.index("pen"))


class Painter:
    """Collects text; knows the pen and the grapheme that stand at its end."""

    def __init__(self, pen: Pen = DEFAULT) -> None:
        self.out: list[str] = []
        self.pen = pen
        self.last = ""

    def __str__(self) -> str:
        return "".join(self.out)

    def raw(self, text: str) -> None:
        """A sequence that moves or sets something: nothing joins across it."""
        self.out.append(text)
        self.last = ""

    def use(self, pen: Pen) -> None:
        """Write with `pen` from now on."""
        now = self.pen
        if pen is now or pen.style == now.style:
            return
        if pen.link != now.link:
            self.out.append(f"\x1b]8;{pen.link or ';'}\x1b\\")
        if pen.sgr != now.sgr:
            self.out.append(pen.sequence)
        self.pen = pen
        self.last = ""

    def cells(self, cells: Iterable[Cell]) -> None:
        """Write cells; stubs write nothing."""
        out = self.out
        for pen, group in groupby(cells, pen_of_cell):
            if pen is not self.pen:
                self.use(pen)
            texts = list(map(data_of, group))
            text = "".join(texts)
            if text.isascii() and self.last.isascii():
                if text:
                    out.append(text)
                    self.last = text[-1]
                continue
            for data in texts:
                if data:
                    # Some terminals join more behind a ZWJ than others.
                    if self.last and (joined(self.last, 1, data[0]) or self.last[-1] == ZWJ):
                        out.append(pen.sequence)
                    out.append(data)
                    self.last = data


_PART = re.compile(r"\x1b\[([0-9;:]*)m|\x1b\]8;([^\x1b]*)\x1b\\|([^\x1b]+)")


def cells_of(text: str) -> list[Cell]:
    """The cells of a painted text."""
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
            pen = step(pen, sgr)
        else:
            pen = linked(pen, "" if link == ";" else link)
    return cells


_ESCAPES = re.compile(r"\x1b\[[0-9;:]*m|\x1b\]8;[^\x1b]*\x1b\\")


def plain(text: str) -> str:
    """A painted text without its pens."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text
