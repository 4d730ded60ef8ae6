"""What one position of the screen holds: a grapheme and the pen that wrote it.

`Cell` begins with the nine fields of pyte's `Char`, so whatever reads a pyte screen reads this one. A wide
grapheme fills its cell and leaves a second one behind it whose data is empty (the stub).
"""

from __future__ import annotations

from typing import NamedTuple

#: As many code points as a cell keeps: a base and 16 marks. More is an attack, not a text.
CLUSTER_LIMIT = 17

#: Bounds of the caches; past them a cache is emptied, which costs time and never correctness.
PENS = 4096
CELLS = 4096
STEPS = 1024


class Style(NamedTuple):
    """The attributes of a pen. Colours keep the form they came in.

    A colour is `default`, the number of one of the 16 ANSI colours, `5;N` or `2;R;G;B`. `underline` is
    0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed. `link` is the body of OSC 8: `params;uri`.
    """

    fg: str = "default"
    bg: str = "default"
    bold: bool = False
    italics: bool = False
    underscore: bool = False
    strikethrough: bool = False
    reverse: bool = False
    blink: bool = False
    dim: bool = False
    conceal: bool = False
    overline: bool = False
    underline: int = 0
    underline_colour: str = "default"
    link: str = ""


class Cell(NamedTuple):
    """One position of the screen: pyte's nine fields, six more, and the pen that they came from."""

    data: str
    fg: str
    bg: str
    bold: bool
    italics: bool
    underscore: bool
    strikethrough: bool
    reverse: bool
    blink: bool
    dim: bool
    conceal: bool
    overline: bool
    underline: int
    underline_colour: str
    link: str
    pen: Pen


class _Cells(dict[str, Cell]):
    """The cells that a pen has written, by their text."""

    __slots__ = ("pen",)
    pen: Pen

    def __missing__(self, data: str) -> Cell:
        if len(self) >= CELLS:
            self.clear()
        cell = self[data] = Cell(data, *self.pen.style, self.pen)
        return cell


class Pen:
    """A style with all that is derived from it, made once for each style as long as the cache holds it.

    `cell` gives the cell for a text, `space` is this pen's blank, `erased` the pen that erasing with this
    one leaves behind (its background alone: ECMA-48 with background colour erase), `steps` the pens that
    SGR sequences lead to from here, `sgr` the parameters that set it from any other pen.
    """

    __slots__ = ("cell", "cells", "erased", "link", "sequence", "sgr", "space", "steps", "style", "stub")

    def __init__(self, style: Style) -> None:
        self.style = style
        self.link = style.link
        self.sgr = parameters(style)
        self.sequence = f"\x1b[{self.sgr}m"
        self.cells = _Cells()
        self.cells.pen = self
        self.cell = self.cells.__getitem__
        self.space = self.cell(" ")
        self.stub = self.cell("")
        self.steps: dict[str, Pen] = {}
        plain = Style(bg=style.bg)
        self.erased: Pen = self if plain == style else pen_of(plain)

    def __repr__(self) -> str:
        return f"Pen({self.sgr!r}, {self.link!r})"


_pens: dict[Style, Pen] = {}


def pen_of(style: Style) -> Pen:
    """The pen of a style; the same object for the same style as long as the cache holds it."""
    pen = _pens.get(style)
    if pen is None:
        if len(_pens) >= PENS:
            # Pens know the pens that follow them: without this a chain of them would never end.
            for old in _pens.values():
                old.steps.clear()
                old.cells.clear()
            _pens.clear()
            _pens[DEFAULT.style] = DEFAULT  # known by identity
        pen = _pens[style] = Pen(style)
    return pen


def _colour(form: str, base: int) -> str:
    if ";" in form:
        return f"{base + 8};{form}"
    number = int(form)
    return str(base + number if number < 8 else base + 52 + number)


def parameters(style: Style) -> str:
    """SGR parameters that set `style` whatever was set before (ECMA-48 8.3.117, XTerm ctlseqs, kitty's underlines)."""
    out = ["0"]
    if style.bold:
        out.append("1")
    if style.dim:
        out.append("2")
    if style.italics:
        out.append("3")
    if style.underline:
        out.append("4" if style.underline == 1 else f"4:{style.underline}")
    if style.blink:
        out.append("5")
    if style.reverse:
        out.append("7")
    if style.conceal:
        out.append("8")
    if style.strikethrough:
        out.append("9")
    if style.overline:
        out.append("53")
    if style.fg != "default":
        out.append(_colour(style.fg, 30))
    if style.bg != "default":
        out.append(_colour(style.bg, 40))
    if style.underline_colour != "default":
        # With colons: a terminal that does not know 58 must not read its 5 as blinking.
        form = style.underline_colour.replace(";", ":")
        out.append(f"58:{form.replace('2:', '2::', 1) if form.startswith('2:') else form}")
    return ";".join(out) if len(out) > 1 else ""


#: The pen of a terminal at rest, and its blank.
DEFAULT = pen_of(Style())
BLANK = DEFAULT.space
