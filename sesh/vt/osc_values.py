"""Keep what OSC sets: colours (4, 5, 10-19, 21), directory (7), progress (9;4), pointer shape (22)."""

from __future__ import annotations

import re

TEXT_LIMIT = 1024  # characters at which a text is cut; a link with longer parameters is dropped
PALETTE, SPECIAL = 256, 5  # colours by index; behind the palette, OSC 4 has those of OSC 5 (bold, underline, …)
COLOUR_NUMBERS = frozenset((4, 5, *range(10, 20), 21, 104, 105, *range(110, 120)))
"""The OSC that set or reset colours."""
_INDEX = re.compile(r"[0-9]{1,3}\Z")
_COLOUR = re.compile(r"[#A-Za-z0-9:/., -]{1,64}\Z")  # by a name, or as XParseColor takes it
_OPACITY = re.compile(r"[#A-Za-z0-9:/., @-]{0,64}\Z")  # of kitty's colours by name: with an opacity, or empty
_SHAPE = re.compile(r"[A-Za-z0-9_-]{0,64}\Z")  # no query, and no push or pop of kitty's
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CLEARED = {"7": "7;", "9;4": "9;4;0", "22": "22;"}  # the OSC that clear what the program has reported
_BY_NAME = {
    "foreground": "10", "background": "11", "cursor": "12", "selection_background": "17", "selection_foreground": "19",
}  # fmt: skip
"""Of kitty's names of colours (OSC 21), those that have a number of xterm's."""
_NAMES = frozenset(("cursor_text", "visual_bell", *(f"transparent_background_color{n}" for n in range(1, 9))))
"""The other names."""

OscValues = dict[str, str]
"""Values, as the program wrote them, by what precedes them in the OSC: `4;7`, `11`. Empty: reset to the default.

A colour that only OSC 21 has is `21;NAME`, and its value begins with `=`.
"""


def sanitized(text: str, limit: int = TEXT_LIMIT) -> str:
    return _CONTROLS.sub("", text[: limit * 4])[:limit]


def changed(values: OscValues, number: str, rest: str) -> OscValues:
    """Return the values that OSC `number`;`rest` changes; none of an unknown OSC."""
    items = rest.split(";")
    code = int(number) if _INDEX.match(number) else 0
    if code in (4, 5):
        pairs = zip(items[::2], items[1::2])
        named = [(indexed(code, index), value) for index, value in pairs]
        return {name: value for name, value in named if name and _COLOUR.match(value)}
    if code in (104, 105):  # without an index all of them
        names = [indexed(code - 100, index) for index in items] if rest else [*values]
        return {name: "" for name in names if name.startswith("5;" if code == 105 else ("4;", "5;"))}
    if 10 <= code <= 19:  # successive colours
        return {str(each): value for each, value in zip(range(code, 20), items) if _COLOUR.match(value)}
    if 110 <= code <= 119:
        return {str(code - 100): ""}
    if code == 21:
        return dict(filter(None, map(_by_name, items)))
    if code == 7:
        return {"7": sanitized(rest)}
    if code == 9 and items[0] == "4" and len(items) > 1:
        progress = sanitized(rest[2:])
        return {"9;4": "" if progress == "0" else progress}
    return {"22": rest} if code == 22 and _SHAPE.match(rest) else {}


def name_of(name: str) -> str:
    """Return the name in `OscValues` of one of kitty's names of colours; empty for an unknown one."""
    return _BY_NAME.get(name) or (indexed(4, name) if _INDEX.match(name) else f"21;{name}" if name in _NAMES else "")


def indexed(code: int, text: str) -> str:
    """Return the name of a colour of OSC 4 or 5; empty without one of that index."""
    index = int(text) if _INDEX.match(text) else PALETTE + SPECIAL
    index += PALETTE if code == 5 else 0
    if index < PALETTE:
        return f"4;{index}"
    return f"5;{index - PALETTE}" if index < PALETTE + SPECIAL else ""


def _by_name(item: str) -> tuple[str, str] | None:
    """Return name and value of an item of OSC 21, `NAME=VALUE` or, to reset it, `NAME`."""
    name, is_set, value = item.partition("=")
    key = name_of(name)
    if key.startswith("21;"):
        return (key, is_set + value) if _OPACITY.match(value) else None
    return (key, value) if key and (not value or _COLOUR.match(value)) else None


def sequences(values: OscValues) -> str:
    """Return the OSC that make the values, and clear those that are reset."""
    return "".join(f"\x1b]{_command(name, value)}\x1b\\" for name, value in values.items())


def _command(name: str, value: str) -> str:
    number, *index = name.split(";")
    if number == "21":
        return name + value
    cleared = _CLEARED.get(name) or ";".join([str(int(number) + 100), *index])
    return f"{name};{value}" if value else cleared
