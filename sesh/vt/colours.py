"""Colours that a program sets (OSC 4, 10-19) and resets (OSC 104, 110-119)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_INDEX = re.compile(r"[0-9]{1,3}\Z")
_COLOUR = re.compile(r"[#A-Za-z0-9:/., ]{1,64}\Z")


@dataclass
class Colours:
    """The colours that are set, as the program wrote them."""

    palette: dict[int, str] = field(default_factory=dict)  # by index
    dynamic: dict[int, str] = field(default_factory=dict)  # foreground, background and so on, by number of the OSC

    def change(self, number: int, rest: str) -> None:
        """Follow OSC `number`;`rest`; ignore an OSC that is about no colour."""
        if number == 4:
            fields = rest.split(";")
            for index, value in zip(fields[::2], fields[1::2], strict=False):
                if _INDEX.match(index) and int(index) < 256 and _COLOUR.match(value):
                    self.palette[int(index)] = value
        elif number == 104 and not rest:
            self.palette.clear()
        elif number == 104:
            for index in rest.split(";"):
                if _INDEX.match(index):
                    self.palette.pop(int(index), None)
        elif 10 <= number <= 19:  # successive colours
            for each, value in zip(range(number, 20), rest.split(";"), strict=False):
                if _COLOUR.match(value):
                    self.dynamic[each] = value
        elif 110 <= number <= 119:
            self.dynamic.pop(number - 100, None)

    def sequences(self) -> str:
        palette = [f"\x1b]4;{index};{value}\x1b\\" for index, value in sorted(self.palette.items())]
        dynamic = [f"\x1b]{number};{value}\x1b\\" for number, value in sorted(self.dynamic.items())]
        return "".join(palette + dynamic)
