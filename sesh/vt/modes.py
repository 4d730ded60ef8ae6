"""The modes that a terminal remembers, and how they are at first."""

from __future__ import annotations

MOUSE_TRACKING = (9, 1000, 1001, 1002, 1003)
"""Modes that choose which mouse events are reported, one at a time; resetting any of them turns reports off (xterm)."""
MOUSE_ENCODING = (1005, 1006, 1015, 1016)
"""Modes that choose their encoding, one at a time; resetting one that is not set does nothing (xterm)."""
OFF_BY_DEFAULT = (1, 5, 45, 1004, 1045, 2004, 2026, 2027, 2031, 2048, 9001)
"""Modes that are off by default: cursor keys, reverse video, reverse wrap, focus, bracketed paste, synchronized output,
grapheme clusters, colour scheme and in-band size reports, win32 input."""
USER_DEFAULT = (12, 1007, 1034, 1035, 1036, 1039)
"""Modes whose default the terminal's user chooses (blinking, alternate scroll, xterm's meta keys): remembered, on or
off, once a program has set or reset them."""
ON_BY_DEFAULT = (7, 25)
"""Modes that are on by default: wrapping and the cursor."""
SYNCHRONIZED_OUTPUT = 2026
"""Modes that are never replayed: the terminal would not show the replay."""
SCREENS, KEYPAD = (47, 1047, 1049), 66
"""Modes that switch the screen, each of them for all; the mode that ESC = and ESC > switch too."""
ORIGIN, LEFT_RIGHT = 6, 69


def initial(number: int, private: bool) -> bool | None:
    """Return whether a mode is set in a new terminal; None for an unknown one."""
    if not private:
        return False if number in (4, 20) else None
    if number in ON_BY_DEFAULT:
        return True
    off = (*OFF_BY_DEFAULT, *MOUSE_TRACKING, *MOUSE_ENCODING, *USER_DEFAULT, *SCREENS, KEYPAD, ORIGIN, LEFT_RIGHT)
    return False if number in off else None
