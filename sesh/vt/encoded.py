"""Rows as text with SGR and OSC 8, and back.

The form is canonical: equal cells give equal texts, which can be compared and joined. A text begins with the default
pen. A change of pen is one SGR that begins with a reset. Between two graphemes that would otherwise join, the SGR is
repeated. A line with a prompt begins with a prompt mark (OSC 133 A).
"""

from __future__ import annotations

import re
from itertools import groupby

from sesh.vt.grammar import SGR
from sesh.vt.graphemes import ZWJ, cells, joined_width, may_join
from sesh.vt.pen import DEFAULT, Pen, apply_sgr, with_link
from sesh.vt.row import Row

PROMPT = "\x1b]133;A\x1b\\"
INPUT = "\x1b]133;B\x1b\\"
_PART = re.compile(rf"{SGR}|\x1b\]8;([^\x1b]*)\x1b\\|(\x1b\]133;A\x1b\\)|([^\x1b]+)")
_SEQUENCE = re.compile(rf"{SGR}|\x1b\][^\x1b]*\x1b\\")


class Encoder:
    """Writes rows and control functions as a text, and knows the pen at its end."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.pen = DEFAULT  # at the end of the text
        self.last = ""  # the grapheme at the end; "" after a control function, which prevents joining

    def __str__(self) -> str:
        return "".join(self.parts)

    def sequence(self, text: str) -> None:
        self.parts.append(text)
        self.last = ""

    def set_pen(self, pen: Pen) -> None:
        now = self.pen
        if pen is now:
            return
        if pen.link != now.link:
            self.parts.append(f"\x1b]8;{pen.link or ';'}\x1b\\")
        if pen.sgr != now.sgr:
            self.parts.append(pen.sequence)
        self.pen = pen
        self.last = ""

    def row(self, row: Row) -> None:
        start = 0
        for pen, columns in groupby(row.pens):
            end = start + len(list(columns))
            self.set_pen(pen)
            self._graphemes(row.text[start:end])
            start = end

    def _graphemes(self, graphemes: list[str]) -> None:
        text = "".join(graphemes)
        if not self.last.endswith(ZWJ) and not may_join(text):
            if text:
                self.parts.append(text)
                self.last = text[-1]
            return
        for grapheme in filter(None, graphemes):
            # After a ZWJ some terminals join characters that others do not.
            if self.last and (joined_width(self.last, 1, grapheme[0]) or self.last[-1] == ZWJ):
                self.parts.append(self.pen.sequence)
            self.parts.append(grapheme)
            self.last = grapheme


def encode(line: Row, *, reset: bool = False) -> str:
    """Return a line as text without trailing default blanks; `reset`: end with the default pen."""
    mark = PROMPT if line.prompt else ""
    if line.pens.count(DEFAULT) == len(line.pens):  # most lines
        plain = "".join(line.text)
        if plain.isascii():
            return mark + plain.rstrip(" ")
    encoder = Encoder()
    encoder.row(line.trimmed())
    if reset:
        encoder.set_pen(DEFAULT)
    return mark + str(encoder)


def decode(text: str) -> Row:
    pen = DEFAULT
    line = Row([], [])
    for sgr, link, prompt, words in _PART.findall(text):
        if words:
            graphemes = cells(words)
            line.text += graphemes
            line.pens += [pen] * len(graphemes)
        elif prompt:
            line.prompt = True
        elif link:
            pen = with_link(pen, "" if link == ";" else link)
        else:
            pen = apply_sgr(pen, sgr)
    return line


def without_sgr(text: str) -> str:
    """Return an encoded text without its SGR, links and marks."""
    return _SEQUENCE.sub("", text) if "\x1b" in text else text


def closed(text: str) -> str:
    """Return an encoded text without prompt mark, with pen and link reset at its end."""
    text = text.removeprefix(PROMPT)
    if "\x1b" not in text:
        return text
    return text + ("\x1b[m\x1b]8;;\x1b\\" if "\x1b]8" in text else "\x1b[m")
