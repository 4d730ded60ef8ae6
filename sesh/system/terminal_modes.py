"""The settings of a person's terminal that a new terminal gets, by the names of RFC 4254, section 8, and RFC 8160.

The numbers of control characters and flags differ between systems, so a name stands for each. What a program sets while
it runs (canonical mode, echo, signals, the translation of line ends) is left out: the creator may be an editor.
"""

from __future__ import annotations

import os
import termios
from collections.abc import Mapping
from typing import Any

from sesh.schema.facts import TerminalSettings
from sesh.system import descriptors
from sesh.system.descriptors import CHARACTERS, INPUT, LOCAL, OUTPUT

Attributes = list[Any]  # of tcgetattr(3): flags of input, output, control, local; speeds; control characters

DISABLED = 255  # RFC 4254's value of a control character that is off
IUTF8 = 0x4000  # makes Backspace erase whole characters; Python's termios lacks it
_FLAGS = {
    "IXON": (INPUT, termios.IXON), "IXANY": (INPUT, termios.IXANY), "IXOFF": (INPUT, termios.IXOFF),
    "IUTF8": (INPUT, IUTF8), "ECHOCTL": (LOCAL, termios.ECHOCTL), "TOSTOP": (LOCAL, termios.TOSTOP),
}  # fmt: skip
_TABS = [termios.TAB0, termios.TAB1, termios.TAB2, termios.TAB3]
"""The ways to print a tab, under the name TABDLY by their number; the last one prints blanks."""
_NAMED = {
    "VINTR": "VINTR", "VQUIT": "VQUIT", "VERASE": "VERASE", "VKILL": "VKILL", "VEOF": "VEOF", "VEOL": "VEOL",
    "VEOL2": "VEOL2", "VSTART": "VSTART", "VSTOP": "VSTOP", "VSUSP": "VSUSP", "VDSUSP": "VDSUSP",
    "VREPRINT": "VREPRINT", "VWERASE": "VWERASE", "VLNEXT": "VLNEXT", "VSWTCH": "VSWTC", "VSTATUS": "VSTATUS",
    "VDISCARD": "VDISCARD",
}  # fmt: skip
_PLACES = {name: getattr(termios, ours) for name, ours in _NAMED.items() if hasattr(termios, ours)}


def own_settings() -> TerminalSettings:
    """Return the settings of this process's terminal, which may be its controlling one alone; none without one."""
    if (terminal := descriptors.own_terminal()) is not None:
        return settings_of(terminal)
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        return settings_of(terminal)
    finally:
        os.close(terminal)


def settings_of(terminal: int) -> TerminalSettings:
    """Return the settings of a terminal; none if it is none."""
    try:
        return named(termios.tcgetattr(terminal), _disabling(terminal))
    except (OSError, termios.error):
        return {}


def give(terminal: int, settings: Mapping[str, int]) -> None:
    """Give a terminal these settings. Raises OSError."""
    try:
        attributes = with_settings(termios.tcgetattr(terminal), settings, _disabling(terminal))
        termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    except termios.error as error:
        raise OSError(*error.args) from error


def named(attributes: Attributes, disabling: int) -> TerminalSettings:
    """Return settings by name. `disabling`: the character that turns one off on this system (`_POSIX_VDISABLE`)."""
    # A program that has set raw mode may have turned off all flags of input.
    cooked = attributes[LOCAL] & termios.ICANON
    known = {name: flag for name, flag in _FLAGS.items() if cooked or flag[0] != INPUT}
    flags = {name: int(bool(attributes[place] & bit)) for name, (place, bit) in known.items()}
    characters = {name: ord(attributes[CHARACTERS][place]) for name, place in _PLACES.items()}
    return {
        **{name: DISABLED if value == disabling else value for name, value in characters.items()},
        **flags,
        "TABDLY": _TABS.index(attributes[OUTPUT] & termios.TABDLY),
    }


def with_settings(attributes: Attributes, settings: Mapping[str, int], disabling: int) -> Attributes:
    """Return attributes with these settings; a name or a value that this system lacks changes nothing."""
    changed = [*attributes[:CHARACTERS], [*attributes[CHARACTERS]]]
    for name, value in settings.items():
        if name in _PLACES:
            changed[CHARACTERS][_PLACES[name]] = bytes([disabling if value == DISABLED else value])
        elif name in _FLAGS:
            place, bit = _FLAGS[name]
            changed[place] = changed[place] | bit if value else changed[place] & ~bit
        elif name == "TABDLY" and value < len(_TABS):
            changed[OUTPUT] = changed[OUTPUT] & ~termios.TABDLY | _TABS[value]
    return changed


def _disabling(terminal: int) -> int:
    return os.fpathconf(terminal, "PC_VDISABLE")
