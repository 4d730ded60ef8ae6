"""SGR (ECMA-48 8.3.117): from one pen to the next.

Colons make sub-parameters (ITU T.416, as xterm and kitty read them), semicolons the older flat forms.
"""

from __future__ import annotations

from sesh.daemon.cell import DEFAULT, STEPS, Pen, Style, pen_of

#: As many characters of an unfinished sequence as are kept, and the length from which one is ignored.
LIMIT = 65536

_FLAGS: dict[int, dict[str, object]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italics": True},
    4: {"underscore": True, "underline": 1},
    5: {"blink": True},
    6: {"blink": True},
    7: {"reverse": True},
    8: {"conceal": True},
    9: {"strikethrough": True},
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
    53: {"overline": True},
    55: {"overline": False},
    59: {"underline_colour": "default"},
}
for _n in range(8):
    _FLAGS[30 + _n] = {"fg": str(_n)}
    _FLAGS[40 + _n] = {"bg": str(_n)}
    _FLAGS[90 + _n] = {"fg": str(_n + 8)}
    _FLAGS[100 + _n] = {"bg": str(_n + 8)}

_COLOURS = {38: "fg", 48: "bg", 58: "underline_colour"}


def number(text: str) -> int:
    """A decimal parameter: empty is 0, everything over 65535 is 65535, whatever its length."""
    if len(text) > 5:
        text = text.lstrip("0")
        if len(text) > 5:
            return 65535
    return min(int(text), 65535) if text else 0


def step(pen: Pen, text: str) -> Pen:
    """The pen after the SGR parameters `text`; links are no part of SGR and stay."""
    known = pen.steps.get(text)
    if known is not None:
        return known
    if len(text) + 3 > LIMIT:
        return pen
    found = pen_of(_apply(pen.style, text))
    if len(text) < 64:
        if len(pen.steps) >= STEPS:
            pen.steps.clear()
        pen.steps[text] = found
    return found


def linked(pen: Pen, link: str) -> Pen:
    """The same pen with another hyperlink (OSC 8); an empty one ends it."""
    return pen if pen.link == link else pen_of(pen.style._replace(link=link))


def _apply(style: Style, text: str) -> Style:
    items = text.split(";")
    fields: dict[str, object] = {}
    link = style.link
    at = 0
    while at < len(items):
        item = items[at]
        at += 1
        if ":" in item:
            _subparameters(fields, item)
            continue
        code = number(item)
        if code == 0:
            fields = {**DEFAULT.style._asdict(), "link": link}
        elif code in _COLOURS:
            at = _flat_colour(fields, _COLOURS[code], items, at)
        elif code in _FLAGS:
            fields.update(_FLAGS[code])
    return Style(**{**style._asdict(), **fields}) if fields else style


def _flat_colour(fields: dict[str, object], name: str, items: list[str], at: int) -> int:
    """`38;5;N` and `38;2;R;G;B`; returns where the next parameter stands. What is out of range sets nothing."""
    form = items[at] if at < len(items) else ""
    count = {"5": 1, "2": 3}.get(form.lstrip("0"), 0)
    parts = items[at + 1 : at + 1 + count]
    if any(":" in part for part in parts):
        return at + 1
    _set_colour(fields, name, form, parts, count)
    return at + 1 + len(parts)


def _subparameters(fields: dict[str, object], item: str) -> None:
    parts = item.split(":")
    code = number(parts[0])
    if code == 4:
        kind = number(parts[1])
        if kind <= 5:
            fields.update(underscore=kind > 0, underline=kind)
    elif code in _COLOURS:
        form = parts[1].lstrip("0")
        rest = parts[2:]
        if form == "2" and len(rest) > 3:
            rest = rest[1:]  # 38:2:SPACE:R:G:B, the full form, names a colour space first.
        count = {"5": 1, "2": 3}.get(form, 0)
        _set_colour(fields, _COLOURS[code], form, rest[:count], count)


def _set_colour(fields: dict[str, object], name: str, form: str, parts: list[str], count: int) -> None:
    values = [number(part) for part in parts]
    if count and len(values) == count and max(values) < 256:
        fields[name] = ";".join([form.lstrip("0"), *map(str, values)])
