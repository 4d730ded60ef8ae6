"""The colours with which the daemon replies: those that the program has set, else those of a dark terminal."""

from __future__ import annotations

import re

from sesh.vt.osc_values import OscValues

_ANSI = (
    "000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5",
    "7f7f7f", "ff0000", "00ff00", "ffff00", "5c5cff", "ff00ff", "00ffff", "ffffff",
)  # fmt: skip
"""The first 16 colours, xterm's."""
_LEVELS = ("00", "5f", "87", "af", "d7", "ff")  # of the cube of 216 colours
_DARK, _LIGHT = "000000", "d0d0d0"
_BACKGROUNDS = ("11", "14", "16", "19")
_HASHED = re.compile(r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{9}|[0-9A-Fa-f]{12})\Z")
_PARTED = re.compile(r"rgba?:([0-9A-Fa-f]{1,4})/([0-9A-Fa-f]{1,4})/([0-9A-Fa-f]{1,4})(?:/[0-9A-Fa-f]{1,4})?\Z")


def colour(key: str, values: OscValues) -> str:
    """Return a colour as `rgb:RRRR/GGGG/BBBB`; empty for one that has none. `key`: its name in `OscValues`."""
    return _parsed(values.get(key, "").removeprefix("=")) or _default(key)


def _parsed(value: str) -> str:
    """Return a colour's numbers in one form; empty for a name, which is not looked up."""
    if hashed := _HASHED.match(value):
        size = len(hashed[1]) // 3
        return _reply([hashed[1][at : at + size] for at in range(0, 3 * size, size)])
    return _reply([*parted.groups()]) if (parted := _PARTED.match(value)) else ""


def _reply(parts: list[str]) -> str:
    return "rgb:" + "/".join((part * 4)[:4].lower() for part in parts)


def _default(key: str) -> str:
    number, _, index = key.partition(";")
    if number == "4":
        digits = _of_palette(int(index))
    elif number.isdecimal() and 10 <= int(number) <= 19 and not index:
        digits = _DARK if number in _BACKGROUNDS else _LIGHT
    else:
        return ""
    return _reply([digits[at : at + 2] for at in (0, 2, 4)])


def _of_palette(index: int) -> str:
    if index < len(_ANSI):
        return _ANSI[index]
    if index >= 232:
        return f"{8 + 10 * (index - 232):02x}" * 3
    red, rest = divmod(index - 16, 36)
    return _LEVELS[red] + _LEVELS[rest // 6] + _LEVELS[rest % 6]
