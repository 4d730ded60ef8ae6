"""How the last line of `--logs` stands: what somebody must know who goes on with it from the bytes that follow."""

from __future__ import annotations

from sesh.daemon.scrollback import trimmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.emulator import Emulator


def standing(emulator: Emulator) -> dict[str, Any]:
    """`open`: whether the cursor stands on the last line that holds anything, and then `column`, counted over its rows.

    Otherwise `blank`: how many empty lines lie between the two. `columns`: the width. `alternate`: whether the other
    screen shows. `unfinished`: the start of a sequence or a character whose rest is yet to come, as latin-1.
    """
    screen = emulator.screen
    rows = screen.buffer
    row, column = emulator.cursor
    first = row
    while first > 0 and rows[first].continues:
        first -= 1
    last = max((at for at in range(len(rows)) if trimmed(rows[at])), default=-1)
    following = row
    while following + 1 < len(rows) and rows[following + 1].continues:
        following += 1
    on_it = not emulator.alternate and first <= last <= following
    return {
        "open": on_it,
        "column": (row - first) * emulator.columns + column if not (first == 0 and rows[0].continues) else -1,
        "blank": max(0, first - last - 1) if not emulator.alternate else 0,
        "columns": emulator.columns,
        "alternate": emulator.alternate,
        "unfinished": emulator.tokenizer.unfinished.decode("latin-1"),
    }
