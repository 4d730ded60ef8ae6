"""The stack of titles (XTWINOPS 22 and 23), where the icon's and the window's title can be pushed and popped apart.

The screen and the client's ledger both follow it; it imports nothing, so that a client loads it fast.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T")

BOTH, ICON, WINDOW = 0, 1, 2


def pop(stack: list[tuple[int, T]], part: int) -> T | None:
    """Take ICON or WINDOW from the latest push that holds it, and return what that push saved; None without one.

    The stack holds (BOTH, ICON or WINDOW, what was saved). Of a push of BOTH the other part stays on it.
    """
    for at in range(len(stack) - 1, -1, -1):
        pushed, saved = stack[at]
        if pushed in (BOTH, part):
            stack[at : at + 1] = [] if pushed else [(ICON + WINDOW - part, saved)]
            return saved
    return None
