"""Cells and pens: a grapheme on the screen, the attributes that it was written with, and SGR, which changes them.

`Cell` begins with the nine fields of pyte's `Char`, so what reads a pyte screen can read this one. A wide grapheme
is in the left one of its two cells; the data of the right one (the stub) is empty.

SGR (ECMA-48 8.3.117): colons separate sub-parameters (ITU T.416, as xterm and kitty read them), semicolons the
parameters of the older flat forms.

Cells become text with SGR and OSC 8, and back. The form is canonical: the same cells give the same text, so that texts
can be compared and joined. A text begins with the default pen. A change of pen is one SGR that begins with a reset.
Where two cells would join if one were written right after the other, the SGR is repeated between them. A grapheme that
is one only with mode 2027 on is written between sequences that set and reset it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby, islice
from operator import add, attrgetter, eq, itemgetter
from typing import NamedTuple

from sesh.vt.grammar import (
    CLUSTER,
    CLUSTERS_OFF,
    CLUSTERS_ON,
    LIMIT,
    LINK,
    MARK,
    PARAMETERS,
    SGR,
    SGR_PARAMETERS,
    parameter,
)
from sesh.vt.graphemes import (
    GRAPHEMES,
    OTHER,
    SEAM,
    STUB,
    ZWJ,
    apart,
    character,
    clusters,
    expanded,
    joined,
    joined_by_unicode,
)

PENS, LINKED = 2048, 128
ENTRIES = 16384
"""Bounds of the caches: PENS without a link; LINKED, fewer, as hardly any link comes twice; ENTRIES in all pens
together, cells and pens of `after_sgr`, as each pen may be used with each character. A full cache is emptied."""


class Style(NamedTuple):
    """The attributes of a pen. Colours keep the form that they were set in.

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
    """One position of the screen: the nine fields of pyte, six more, and the pen that wrote it."""

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


class Pen(dict[str, Cell]):
    """A style with what is derived from it; there is one pen for each style, as long as the cache holds it.

    It is also the cache of its cells, by their text. `cell` makes the cell for a text, `space` is its blank, `stub` the
    right half of a wide cell. `erased` is the pen of cells erased with this one (background colour erase, BCE). `sgr`
    are the parameters that set it from any other pen, `sequence` is the whole SGR. `after_sgr` holds the pens that SGR
    makes of this one.

    A pen and its cells refer to each other, as do pens through `after_sgr`. `_empty` breaks these cycles, so that a pen
    is freed at once: the garbage collector would stop everything for long.
    """

    entries = 0
    """Number of entries in the caches of all pens together."""

    __slots__ = ("_erased", "link", "sequence", "sgr", "after_sgr", "style")

    __hash__ = object.__hash__  # type: ignore[assignment]  # pens are compared by identity
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    cell = dict.__getitem__

    def __init__(self, style: Style) -> None:
        self.style = style
        self.link = style.link
        self.sgr = sgr_parameters(style)
        self.sequence = f"\x1b[{self.sgr}m"
        self.after_sgr: dict[str, Pen] = {}
        if style.bg == "default":
            self._erased = None if style == _PLAIN else DEFAULT
        else:
            plain = Style(bg=style.bg)
            self._erased = None if plain == style else pen_of(plain)

    def __missing__(self, data: str) -> Cell:
        if data in GRAPHEMES and data != STUB:
            return self.cell(GRAPHEMES[data])  # it may stand for another one later
        _count_entry(self)
        cell = self[data] = self.stub if data == STUB else Cell(data, *self.style, self)
        return cell

    @property
    def erased(self) -> Pen:
        """The pen of cells erased with this one."""
        erased = self._erased
        return self if erased is None else erased

    @property
    def space(self) -> Cell:
        """Its blank."""
        return self[" "]

    @property
    def stub(self) -> Cell:
        """The right half of a wide cell."""
        return self[""]

    def __repr__(self) -> str:
        return f"Pen({self.sgr!r}, {self.link!r})"


def _count_entry(pen: Pen) -> None:
    """Count an entry that comes into a cache of `pen`; empty the caches of all pens if they hold too much."""
    Pen.entries += 1
    if Pen.entries > ENTRIES:
        _empty((*_pens.values(), *_linked.values(), pen))
        Pen.entries = 1  # this one: what pens hold that have left the caches is not counted any more


_pens: dict[Style, Pen] = {}
_linked: dict[Style, Pen] = {}


def pen_of(style: Style) -> Pen:
    """The pen of a style; the same object for the same style as long as the cache holds it."""
    cache = _linked if style.link else _pens
    pen = cache.get(style)
    if pen is None:
        if len(cache) >= (LINKED if style.link else PENS):
            # Pens refer to one another through `after_sgr`: break the chains, so that the old ones can be freed.
            _empty(cache.values())
            cache.clear()
            _pens[DEFAULT.style] = DEFAULT  # it is compared by identity
        pen = cache[style] = Pen(style)
    return pen


def _empty(pens: Iterable[Pen]) -> None:
    for pen in pens:
        Pen.entries -= len(pen.after_sgr) + len(pen)
        pen.after_sgr.clear()
        pen.clear()
        if pen is DEFAULT:
            pen[" "] = BLANK  # it is compared by identity


_CODES = {
    "bold": "1", "dim": "2", "italics": "3", "underline": "4", "blink": "5", "reverse": "7", "conceal": "8",
    "strikethrough": "9", "overline": "53",
}  # fmt: skip

_NO_ATTRIBUTES = Style()[2:12]


def sgr_parameters(style: Style) -> str:
    """SGR parameters that set `style` from any other one (ECMA-48 8.3.117, XTerm ctlseqs, kitty's underlines)."""
    out = ["0"]
    if style[2:12] != _NO_ATTRIBUTES:
        for name, code in _CODES.items():
            value = getattr(style, name)
            if value:
                out.append(code if value == 1 else f"{code}:{value}")
    for form, base in ((style.fg, 30), (style.bg, 40)):
        if ";" in form:
            out.append(f"{base + 8};{form}")
        elif form != "default":
            number = int(form)
            out.append(str(base + number if number < 8 else base + 52 + number))
    if style.underline_colour != "default":
        # With colons: a terminal that does not know 58 would read the 5 of 58;5 as blinking.
        form = style.underline_colour.replace(";", ":")
        out.append(f"58:{form.replace('2:', '2::', 1) if form.startswith('2:') else form}")
    return ";".join(out) if len(out) > 1 else ""


_PLAIN = Style()
DEFAULT = pen_of(_PLAIN)
BLANK = DEFAULT.space
"""The pen after SGR 0, and its blank."""

_ATTRIBUTES: dict[int, dict[str, object]] = {
    **{int(code): {name: True} for name, code in _CODES.items()},
    4: {"underscore": True, "underline": 1},
    6: {"blink": True},
    21: {"underscore": True, "underline": 2},
    22: {"bold": False, "dim": False},
    23: {"italics": False},
    24: {"underscore": False, "underline": 0},
    25: {"blink": False},
    27: {"reverse": False},
    28: {"conceal": False},
    29: {"strikethrough": False},
    39: {"fg": "default"},
    49: {"bg": "default"},
    55: {"overline": False},
    59: {"underline_colour": "default"},
}
"""Fields that a parameter sets; the colours of 38, 48 and 58 are apart."""
for _n in range(8):
    _ATTRIBUTES[30 + _n] = {"fg": str(_n)}
    _ATTRIBUTES[40 + _n] = {"bg": str(_n)}
    _ATTRIBUTES[90 + _n] = {"fg": str(_n + 8)}
    _ATTRIBUTES[100 + _n] = {"bg": str(_n + 8)}

_COLOURS = {38: "fg", 48: "bg", 58: "underline_colour"}
_VALUES = {"5": 1, "2": 3}
"""Number of values of a colour, by its form."""


def apply_sgr(pen: Pen, text: str) -> Pen:
    """Return the pen after SGR with the parameters `text`; the link stays.

    `text` may also hold several SGRs, as a token does: all but the first `ESC [` and the last `m`.
    """
    cached = pen.after_sgr.get(text)
    if cached is not None:
        return cached
    if "m" in text:
        new = pen
        for sgr in text.split("m\x1b["):
            new = apply_sgr(new, sgr)
    elif len(text) + 3 > LIMIT:  # with `ESC [` and `m`: too long a sequence is ignored
        return pen
    else:
        new = pen_of(_changed(pen.style, text))
    if len(text) < 64:
        _count_entry(pen)
        pen.after_sgr[text] = new
    return new


def with_link(pen: Pen, link: str) -> Pen:
    """Return the same pen with another hyperlink (OSC 8), or with none if `link` is empty."""
    return pen if pen.link == link else pen_of(pen.style._replace(link=link))


_BYTE = "(?:0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
_RGB = f"2;{_BYTE};{_BYTE};{_BYTE}"
_TRUE_COLOURS = re.compile(rf"(0;)?(?:38;({_RGB})(?:;48;({_RGB}))?|48;({_RGB}))\Z")
"""Colours as they are kept, after a reset or not: images of text have others in each cell."""


def _changed(style: Style, text: str) -> Style:
    if match := _TRUE_COLOURS.match(text):
        reset, fg, bg, only_bg = match.groups()
        bg = bg or only_bg
        if reset:
            return Style(fg or "default", bg or "default", link=style.link)
        return Style(fg or style.fg, bg or style.bg, *style[2:])
    items = text.split(";", PARAMETERS)[:PARAMETERS]
    fields: dict[str, object] = {}
    index = 0
    while index < len(items):
        item = items[index]
        index += 1
        if ":" in item:
            _subparameters(fields, item)
            continue
        code = parameter(item)
        if code == 0:
            style, fields = _PLAIN if not style.link else _PLAIN._replace(link=style.link), {}
        elif code in _COLOURS:
            index = _flat_colour(fields, _COLOURS[code], items, index)
        elif code in _ATTRIBUTES:
            fields.update(_ATTRIBUTES[code])
    return style._replace(**fields) if fields else style  # type: ignore[arg-type]  # each is set by its own name


def _flat_colour(fields: dict[str, object], name: str, items: list[str], index: int) -> int:
    """Set the colour of `38;5;N` or `38;2;R;G;B`, whose `5` or `2` is `items[index]`; return the index of the next
    parameter. A value out of range sets nothing."""
    form = items[index].lstrip("0") if index < len(items) else ""
    parts = items[index + 1 : index + 1 + _VALUES.get(form, 0)]
    if ":" in ";".join(parts):
        return index + 1
    _set_colour(fields, name, form, parts)
    return index + 1 + len(parts)


def _subparameters(fields: dict[str, object], item: str) -> None:
    parts = item.split(":")
    code = parameter(parts[0])
    if code == 4:
        kind = parameter(parts[1])
        if kind <= 5:
            fields.update(underscore=kind > 0, underline=kind)
    elif code in _COLOURS:
        form = parts[1].lstrip("0")
        rest = parts[2:]
        if form == "2" and len(rest) > 3:
            rest = rest[1:]  # the full form, 38:2:SPACE:R:G:B, names a colour space first
        _set_colour(fields, _COLOURS[code], form, rest)


def _set_colour(fields: dict[str, object], name: str, form: str, parts: list[str]) -> None:
    count = _VALUES.get(form, 0)
    values = [parameter(part) for part in parts[:count]]
    if values and len(values) == count and max(values) < 256:
        fields[name] = f"5;{values[0]}" if count == 1 else ";".join(["2", *map(str, values)])


data_of = itemgetter(0)
pen_of_cell = itemgetter(Cell._fields.index("pen"))
sequence_of, link_of = attrgetter("sequence"), attrgetter("link")

_PART = re.compile(rf"{SGR_PARAMETERS}|{LINK}|{MARK}|{CLUSTER}|([^\x1b]+)")
_SEQUENCE = re.compile(rf"{SGR}|{LINK}|{MARK}|\x1b\[\?2027[hl]")


class Encoder:
    """Writes an encoded text into `parts`. `pen` and `last`: the pen and the grapheme at its end; `last` is "" after a
    control function, across which nothing joins."""

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
            self._graphemes(texts)

    def _graphemes(self, texts: Iterable[str]) -> None:
        parts, between = self.parts, self.pen.sequence
        for data, same in groupby(filter(None, texts)):
            if len(data) > 1 and apart(data):
                parts += [CLUSTERS_ON + data + CLUSTERS_OFF] * len(list(same))
                self.last = ""
                continue
            # Some terminals join more after a ZWJ than others.
            if self.last and (joined(self.last, 1, data[0]) or self.last[-1] == ZWJ):
                parts.append(between)
            parts.append(data)
            again = len(list(same)) - 1
            if again:
                parts.append(((between if joined(data, 1, data[0]) or data[-1] == ZWJ else "") + data) * again)
            self.last = data

    def runs(self, pens: list[Pen], texts: list[str]) -> None:
        """Write parts of the text of a row (see `row`), none of them empty, each with its pen."""
        if len(texts) > 4 and self._many_runs(pens, texts):
            return
        for pen, text in zip(pens, texts, strict=True):
            if pen is not self.pen:
                self.set_pen(pen)
            if text.isascii() and self.last.isascii() and STUB not in text:  # as `text` does, without a call
                self.parts.append(text)
                self.last = text[-1]
            else:
                self.text(pen, text)

    def _many_runs(self, pens: list[Pen], texts: list[str]) -> bool:
        """Do what `runs` does without a step of Python for each part; returns False if that would come out otherwise:
        for links, for one style in two pens side by side, and for characters that may join."""
        text = "".join(texts)
        if not text.isascii() and SEAM.search(text):
            return False
        sequences = list(map(sequence_of, pens))
        if any(map(link_of, pens)) or any(map(eq, sequences, islice(sequences, 1, None))):
            return False
        self.sequences(sequences, texts, pens[0], pens[-1])
        return True

    def sequences(self, sequences: list[str], texts: list[str], first: Pen, last: Pen) -> None:
        """Write parts of the text of a row, none of them empty, each after its SGR; `first` and `last` are the pens of
        the first and the last one. No pen may have a link, no two beside each other be the same, no character join."""
        self.text(first, texts[0])
        written = "".join(map(add, islice(sequences, 1, None), islice(texts, 1, None)))
        self.parts.append(written if written.isascii() and STUB not in written else expanded(written))
        self.pen = last
        final = texts[-1][-1:].strip(STUB) or texts[-1][-2:-1]
        self.last = GRAPHEMES.get(final, final)

    def text(self, pen: Pen, text: str) -> None:
        """Write text of a row (see `row`)."""
        if pen is not self.pen:
            self.set_pen(pen)
        if text.isascii() and self.last.isascii() and STUB not in text:
            if text:
                self.parts.append(text)
                self.last = text[-1]
        # Grapheme by grapheme where characters may join. A last grapheme without a stand-in counts as one that may.
        elif SEAM.match(character(self.last) or ZWJ) or (OTHER.search(text) and SEAM.search(text)):
            self._graphemes([GRAPHEMES.get(char, char) for char in text])
        elif last := text[-1:].strip(STUB) or text[-2:-1]:
            self.parts.append(expanded(text))
            self.last = GRAPHEMES.get(last, last)

    def run(self, cell: Cell, count: int) -> None:
        """Write an ASCII cell `count` times."""
        if count > 0:
            self.set_pen(cell.pen)
            if self.last.endswith(ZWJ):
                self.parts.append(cell.pen.sequence)
            self.parts.append(cell.data * count)
            self.last = cell.data


def encode(cells: Iterable[Cell], *, reset: bool = False) -> str:
    """The text of `cells`; `reset`: it ends with the default pen."""
    encoder = Encoder()
    encoder.cells(cells)
    if reset:
        encoder.set_pen(DEFAULT)
    return str(encoder)


def decode(text: str, marks: list[tuple[int, str]] | None = None) -> list[Cell]:
    """The cells of an encoded text; its marks are added to `marks`, each with the number of cells before it."""
    pen = DEFAULT
    cells: list[Cell] = []
    for match in _PART.finditer(text):
        sgr, link, mark, together, words = match.groups()
        if words is not None:
            if words.isascii():
                cells.extend(map(pen.cell, words))
            else:
                for cluster, width in clusters(words):
                    cells += (pen.cell(cluster), pen.stub)[:width]
        elif sgr is not None:
            pen = apply_sgr(pen, sgr)
        elif link is not None:
            pen = with_link(pen, "" if link == ";" else link)
        elif together is not None:
            width = sum(columns for _, columns in clusters(together, joined_by_unicode))
            cells += (pen.cell(together), pen.stub)[: min(2, width)]
        elif marks is not None:
            marks.append((len(cells), mark))
    return cells


def plain(text: str) -> str:
    """An encoded text without its SGR, links and marks."""
    return _SEQUENCE.sub("", text) if "\x1b" in text else text


def closed(text: str) -> str:
    """An encoded text, with the pen and the link reset at its end."""
    if "\x1b" not in text:
        return text
    return text + ("\x1b[m\x1b]8;;\x1b\\" if "\x1b]8" in text else "\x1b[m")
