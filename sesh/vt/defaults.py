"""Private modes that some terminals have on by default. All others are off by default."""

from __future__ import annotations

ON_BY_DEFAULT = (7, 8, 25, 1070, 1243)
"""Wrapping, repeating keys, the cursor; xterm's private colour registers, VTE's arrow keys in bidirectional text."""
TERMINALS_DIFFER = (1007, 1034, 1035, 1036, 1039, 2027)
"""Alternate scroll, xterm's meta keys, grapheme clusters: their defaults depend on the terminal and its settings, so
that a program's choice stays when a client leaves."""
BLINKING = 12
"""A setting of the user, too. But curses programs leave it off when they end (`cnorm`), and so does a client."""
EITHER_AT_REST = (*ON_BY_DEFAULT, *TERMINALS_DIFFER, BLINKING)
"""Modes that some terminals have on by default: a replay sets such a mode on or off if the program has done so."""
