"""Pens: the attributes of cells, and SGR, which sets them.

SGR (ECMA-48 8.3.117): colons separate sub-parameters (ITU T.416, as in xterm and kitty), semicolons the parameters of
the older flat forms.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakValueDictionary

from sesh.vt.grammar import PARAMETERS, parameter


class Style(NamedTuple):
    """The attributes of a pen. Colours keep their form in SGR.

    A colour is `default`, the number of one of the 16 ANSI colours, `5;N` or `2;R;G;B`. `underline` is
    0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed. `link` is the body of OSC 8: `params;uri`.
    """

    fg: str = "default"
    bg: str = "default"
    bold: bool = False
    dim: bool = False
    italic: bool = False
    strike: bool = False
    reverse: bool = False
    blink: bool = False
    conceal: bool = False
    overline: bool = False
    underline: int = 0
    underline_colour: str = "default"
    link: str = ""


class Pen:
    """A style, and the SGR that sets it from any other pen.

    `sgr`: the parameters; `sequence`: the whole SGR. Each style has one pen (`pen_of`), so `is` compares pens.
    """

    __slots__ = ("__weakref__", "_erased", "link", "sequence", "sgr", "style")

    def __init__(self, style: Style) -> None:
        self.style = style
        self.link = style.link
        self.sgr = _sgr_parameters(style)
        self.sequence = f"\x1b[{self.sgr}m"
        self._erased: Pen | None = None

    @property
    def erased(self) -> Pen:
        """The pen of cells erased with this pen: only its background (BCE)."""
        if self._erased is None:
            self._erased = pen_of(Style(bg=self.style.bg))
        return self._erased


FLAGS = ("bold", "dim", "italic", "strike", "reverse", "blink", "conceal", "overline")  # of a style: on or off
_CODES = {
    "bold": "1", "dim": "2", "italic": "3", "underline": "4", "blink": "5", "reverse": "7", "conceal": "8",
    "strike": "9", "overline": "53",
}  # fmt: skip


def _sgr_parameters(style: Style) -> str:
    """Return SGR parameters that set `style` from any other style (XTerm ctlseqs, kitty's underlines)."""
    out = ["0"]
    for name, code in _CODES.items():
        value = getattr(style, name)
        if value:
            out.append(code if value == 1 else f"{code}:{value}")
    for form, base in ((style.fg, 30), (style.bg, 40)):
        if ";" in form:
            out.append(f"{base + 8};{form}")
        elif form != "default":
            number = int(form)
            bright = base + 60  # 90 to 97, and 100 to 107
            out.append(str(base + number if number < 8 else bright + number - 8))
    if style.underline_colour != "default":
        # Colons: a terminal that does not know 58 would take the 5 of 58;5 as blinking.
        form = style.underline_colour.replace(";", ":")
        if form.startswith("2:"):
            form = f"2::{form[2:]}"  # the colour space between is left out
        out.append(f"58:{form}")
    return ";".join(out) if len(out) > 1 else ""


_pens: WeakValueDictionary[Style, Pen] = WeakValueDictionary()  # links seldom come again: keep no pen that is unused


def pen_of(style: Style) -> Pen:
    pen = _pens.get(style)
    if pen is None:
        pen = _pens[style] = Pen(style)
    return pen


DEFAULT = pen_of(Style())  # the pen after SGR 0


_ATTRIBUTES: dict[int, dict[str, object]] = {  # by SGR parameter, except for 38, 48 and 58
    **{int(code): {name: True} for name, code in _CODES.items()},
    4: {"underline": 1},
    6: {"blink": True},
    21: {"underline": 2},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": 0},
    25: {"blink": False},
    27: {"reverse": False},
    28: {"conceal": False},
    29: {"strike": False},
    39: {"fg": "default"},
    49: {"bg": "default"},
    55: {"overline": False},
    59: {"underline_colour": "default"},
}
for _n in range(8):
    _ATTRIBUTES[30 + _n] = {"fg": str(_n)}
    _ATTRIBUTES[40 + _n] = {"bg": str(_n)}
    _ATTRIBUTES[90 + _n] = {"fg": str(_n + 8)}
    _ATTRIBUTES[100 + _n] = {"bg": str(_n + 8)}

_COLOURS = {38: "fg", 48: "bg", 58: "underline_colour"}
_VALUES = {5: 1, 2: 3}  # the number of values of a colour, by its form
_FLAT = re.compile(r"(?<![0-9:])0*[345]8;0*(?:5(?:;[0-9]*)?|2(?:;[0-9]*){0,3})(?![0-9:])")
"""Matches a colour with semicolons, also one that breaks off."""
MAX_CACHED = 64  # characters of an SGR's parameters; one that is longer seldom comes again


def apply_sgr(pen: Pen, text: str) -> Pen:
    """Return the pen after SGR with the parameters `text`; keep the link."""
    if pen.link or len(text) > MAX_CACHED:  # these seldom come again, so they stay in no cache
        return with_link(_applied(with_link(pen, ""), text), pen.link)
    return cached_sgr(pen, text)


def _applied(pen: Pen, text: str) -> Pen:
    style = pen.style
    fields: dict[str, object] = {}  # of the style, which later parameters set
    text = _FLAT.sub(lambda colour: colour[0].replace(";", ":"), text)
    for item in text.split(";", PARAMETERS)[:PARAMETERS]:
        code, *parts = map(parameter, item.split(":"))
        if code in _COLOURS:
            fields |= _colour(code, parts)
        elif parts:
            if code == 4 and parts[0] <= 5:
                fields["underline"] = parts[0]
        elif code == 0:
            style = DEFAULT.style
            fields = {}
        else:
            fields |= _ATTRIBUTES.get(code, {})
    return pen_of(style._replace(**fields))  # type: ignore[arg-type]  # the values have different types


cached_sgr = lru_cache(4096)(_applied)
"""As `apply_sgr`, for a pen without link and at most `MAX_CACHED` characters."""


def _colour(code: int, parts: list[int]) -> dict[str, str]:
    """Return the field that a colour sets; none without valid values."""
    if parts[:1] == [2] and len(parts) > 4:
        del parts[1]  # the colour space of the full form, 38:2:SPACE:R:G:B
    count = _VALUES.get(parts[0], 0) if parts else 0
    values = parts[1 : 1 + count]
    if not count or len(values) < count or max(values) > 255:
        return {}
    return {_COLOURS[code]: ";".join(map(str, parts[: 1 + count]))}


def with_link(pen: Pen, link: str) -> Pen:
    """Return the pen with another hyperlink (OSC 8); without one if `link` is empty."""
    return pen if pen.link == link else pen_of(pen.style._replace(link=link))
