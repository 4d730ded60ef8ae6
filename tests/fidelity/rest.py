"""Find what differs between a terminal after some bytes and an untouched one."""

from __future__ import annotations

from typing import Any

from sesh.vt.defaults import ON_BY_DEFAULT, TERMINALS_DIFFER
from sesh.vt.emulator import Emulator
from tests.fidelity.xterm import Xterm
from tests.support import Glass
from tests.unit.vt.streams import state

_HELD = (
    "kitty_stack", "key_resources", "titles", "title", "icon_name",
    "cursor_style", "top", "bottom", "left", "right", "tabstops", "charsets", "pen", "wrap", "insert", "origin",
    "linefeed_mode", "keypad", "left_right_mode", "alternate", "unfinished",
)  # fmt: skip
_SEEN = (
    "active", "modes", "hidden", "shape", "keypad", "encoding", "margins", "tabs", "charsets", "newline", "titles",
    "stack", "palette",
)  # fmt: skip


def _held(emulator: Emulator) -> dict[str, Any]:
    now = state(emulator)
    modes = {number for number, on in now["modes"].items() if on != (number in ON_BY_DEFAULT)} - {*TERMINALS_DIFFER}
    colours = {name: value for name, value in now["osc_values"].items() if value and name not in {"7", "9;4", "22"}}
    hidden = {
        "colours": colours,
        "hidden": emulator.screen.cursor.hidden,
        "hidden_kitty_stack": emulator.screen.other.kitty_stack,
    }
    return {**{key: now[key] for key in _HELD}, "modes": modes, **hidden}


def held(data: bytes, columns: int, rows: int) -> dict[str, Any]:
    """Return what differs in our emulator after `data` from an untouched one."""
    emulator = Emulator(columns, rows)
    emulator.feed(data)
    here, there = _held(emulator), _held(Emulator(columns, rows))
    return {key: here[key] for key in here if here[key] != there[key]}


def unrest(data: bytes, columns: int, rows: int, xterm: Xterm | None = None) -> dict[str, Any]:
    """Return differences from rest in our emulator, in the tests' Glass, and in the oracle."""
    found = held(data, columns, rows)
    glass = Glass(columns, rows)
    glass.feed(data)
    if glass.modes - {7, 25} or glass.alternate or glass.margins or glass.cursor_style:
        found["glass"] = (glass.modes, glass.alternate, glass.margins, glass.cursor_style)
    if xterm is not None:
        seen, clean = xterm.hold(columns, rows, data), xterm.hold(columns, rows)
        found |= {f"xterm {key}": seen[key] for key in _SEEN if seen[key] != clean[key]}
    return found
