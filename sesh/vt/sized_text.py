"""Texts of another size (OSC 66, kitty's text sizing protocol), as the cells of usual size that they take."""

from __future__ import annotations

from typing import NamedTuple

from sesh.vt.graphemes import cells
from sesh.vt.osc_values import sanitized
from sesh.vt.row import STUB

LIMIT = 4096  # characters of a text
_DIGITS = tuple("1234567")  # a scale or a width; what is no such value is ignored


class Sizing(NamedTuple):
    """The keys of OSC 66 that say which cells a text takes."""

    scale: int = 1  # `s`: each character takes so many columns for one, and so many rows
    width: int = 0  # `w`: the columns of the whole text, before they are scaled; 0: those of its characters


def parse(rest: str) -> tuple[Sizing, str]:
    """Return sizing and text of `KEY=VALUE:…;TEXT`."""
    keys, _, text = rest.partition(";")
    values = dict(pair.partition("=")[::2] for pair in keys.split(":"))
    return Sizing(_number(values.get("s"), 1), _number(values.get("w"), 0)), sanitized(text, LIMIT)


def _number(value: str | None, default: int) -> int:
    return int(value) if value is not None and value in _DIGITS else default


def block(sizing: Sizing, text: str, columns: int) -> str:
    """Return the text with the blanks of a larger size behind it, or cut to its width; at most `columns` wide then.

    Its letters stay together, so that a word is found as a word.
    """
    found = cells(text)
    if not sizing.width:
        return text + " " * min(len(found) * (sizing.scale - 1), columns * sizing.scale)
    room = min(sizing.width * sizing.scale, columns)
    kept = found[: room - (found[room : room + 1] == [STUB])]
    return "".join(kept) + " " * (room - len(kept))
