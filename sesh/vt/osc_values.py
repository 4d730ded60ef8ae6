"""Keep what OSC sets: colours (4, 10-19), directory (7), progress (9;4), pointer shape (22)."""

from __future__ import annotations

import re

TEXT_LIMIT = 1024  # characters at which a text is cut; a link with longer parameters is dropped
_INDEX = re.compile(r"[0-9]{1,3}\Z")
_COLOUR = re.compile(r"[#A-Za-z0-9:/., ]{1,64}\Z")
_SHAPE = re.compile(r"[A-Za-z0-9_-]{0,64}\Z")  # no query, and no push or pop of kitty's
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CLEARED = {"7": "7;", "9;4": "9;4;0", "22": "22;"}  # the OSC that clear what the program has reported

OscValues = dict[str, str]
"""Values, as the program wrote them, by what precedes them in the OSC: `4;7`, `11`. Empty: reset to the default."""


def sanitized(text: str, limit: int = TEXT_LIMIT) -> str:
    return _CONTROLS.sub("", text[: limit * 4])[:limit]


def changed(values: OscValues, number: str, rest: str) -> OscValues:
    """Return the values that OSC `number`;`rest` changes; none of an unknown OSC."""
    items = rest.split(";")
    code = int(number) if _INDEX.match(number) else 0
    if code == 4:
        pairs = zip(items[::2], items[1::2])
        return {f"4;{int(index)}": value for index, value in pairs if _is_index(index) and _COLOUR.match(value)}
    if code == 104:  # without an index all colours of the palette
        names = [f"4;{int(index)}" for index in items if _is_index(index)] if rest else values
        return {name: "" for name in names if name.startswith("4;")}
    if 10 <= code <= 19:  # successive colours
        return {str(each): value for each, value in zip(range(code, 20), items) if _COLOUR.match(value)}
    if 110 <= code <= 119:
        return {str(code - 100): ""}
    if code == 7:
        return {"7": sanitized(rest)}
    if code == 9 and items[0] == "4" and len(items) > 1:
        progress = sanitized(rest[2:])
        return {"9;4": "" if progress == "0" else progress}
    return {"22": rest} if code == 22 and _SHAPE.match(rest) else {}


def _is_index(text: str) -> bool:
    return _INDEX.match(text) is not None and int(text) < 256


def sequences(values: OscValues) -> str:
    """Return the OSC that make the values, and clear those that are reset."""
    out = []
    for name, value in values.items():
        number, *index = name.split(";")
        cleared = _CLEARED.get(name) or ";".join([str(int(number) + 100), *index])
        out.append(f"\x1b]{name};{value}\x1b\\" if value else f"\x1b]{cleared}\x1b\\")
    return "".join(out)
