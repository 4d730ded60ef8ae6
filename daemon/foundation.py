"""pyte's screen, loaded without what pyte loads for work that is done here in another way.

pyte asks wcwidth how wide each character is. Here only `graphemes` asks, for the few characters of which it is not
plain, so wcwidth comes with the first of those: its tables would be a third of what a session takes in memory.
"""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyte.screens import Cursor, Margins, Screen

__all__ = ["Cursor", "Margins", "Screen"]


def _width(char: str) -> int:
    """What wcwidth says, asked late."""
    from wcwidth import wcwidth

    return int(wcwidth(char))


if not TYPE_CHECKING:
    _absent = "wcwidth" not in sys.modules
    if _absent:
        sys.modules["wcwidth"] = ModuleType("wcwidth")
        sys.modules["wcwidth"].wcwidth = _width
    try:
        from pyte.screens import Cursor, Margins, Screen
    finally:
        if _absent:
            del sys.modules["wcwidth"]
