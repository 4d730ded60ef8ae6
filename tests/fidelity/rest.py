"""A terminal at rest, and what is not as in one that nobody has touched: the judges know only bytes."""

from __future__ import annotations

from typing import Any

from sesh.vt.emulator import Emulator
from tests.fidelity.xterm import Xterm
from tests.support import Glass
from tests.unit.vt.streams import state

_HELD = (
    "kitty_stack", "key_resources", "titles", "title", "icon_name", "palette", "dynamic",
    "cursor_style", "top", "bottom", "left", "right", "tabstops", "charsets", "pen", "wrap", "insert", "origin",
    "linefeed_mode", "keypad", "left_right_mode", "alternate", "unfinished",
)  # fmt: skip
_SEEN = (
    "active", "modes", "hidden", "shape", "keypad", "encoding", "margins", "tabs", "charsets", "newline", "titles",
    "stack", "palette",
)  # fmt: skip
#: Modes that rest as the terminal's owner likes it: they stay as the program left them.
_CHOICES = {1007, 1034, 1035, 1036, 1039, 2027}


def _held(emulator: Emulator) -> dict[str, Any]:
    now = state(emulator)
    modes = {number for number, on in now["modes"].items() if on} - _CHOICES
    hidden = {"hidden": emulator.screen.cursor.hidden, "hidden_kitty_stack": emulator.screen.other.kitty_stack}
    return {**{key: now[key] for key in _HELD}, "modes": modes, **hidden}


def held(data: bytes, columns: int, rows: int) -> dict[str, Any]:
    """What is not at rest in our model of a terminal that was written `data`."""
    emulator = Emulator(columns, rows)
    emulator.feed(data)
    here, there = _held(emulator), _held(Emulator(columns, rows))
    return {key: here[key] for key in here if here[key] != there[key]}


def unrest(data: bytes, columns: int, rows: int, xterm: Xterm | None = None) -> dict[str, Any]:
    """The same, by the word of our model, of the harness's glass, and of the oracle."""
    found = held(data, columns, rows)
    glass = Glass(columns, rows)
    glass.feed(data)
    if glass.modes - {7, 25} or glass.alternate or glass.margins or glass.cursor_style:
        found["glass"] = (glass.modes, glass.alternate, glass.margins, glass.cursor_style)
    if xterm is not None:
        seen, clean = xterm.hold(columns, rows, data), xterm.hold(columns, rows)
        found |= {f"xterm {key}": seen[key] for key in _SEEN if seen[key] != clean[key]}
    return found
