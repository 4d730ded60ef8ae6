"""Output so little and simple that what it does to a screen is known without an emulator."""

from __future__ import annotations

import re
from collections.abc import Iterable

REPLAY_SAFE_LIMIT = 64 << 10
"""Bytes of output up to which `replay_safe` may be asked."""

# Text in UTF-8 without C1, SGR, the cursor, EL, ED 0, DECCKM, DECAWM, modes of cursor and paste, the keypad, ASCII, and
# OSC 0, 1, 2 and 7: what has the same effect whenever it is shown. No byte can be matched in two ways, so that the time
# is linear.
_REPLAY_SAFE = re.compile(
    rb"(?:[\x20-\x7e\t\b\r\n]+(?![\x20-\x7e\t\b\r\n])|\xc2[\xa0-\xbf]|[\xc3-\xf4][\x80-\xbf]{1,3}"
    rb"|\x1b\[(?:[0-9;:]*m|[0-9;]*[ABCDGHKdf]|0?J|\?(?:1|7|12|25|2004)[hl])"
    rb"|\x1b[=>]|\x1b\(B|\x1b\](?:0|1|2|7);[\x20-\x7e\x80-\xff]*(?:\x07|\x1b\\))*"
)


_UP = re.compile(rb"\x1b\[[0-9;]*[AHJdf]")
_BACKGROUND = re.compile(rb"\x1b\[[0-9;:]*(?:4[0-8]|10[0-7])")
_BACK = re.compile(rb"[\b\r]|\x1b\[[0-9;]*[DG]")


def replay_safe(data: bytes, columns: int, rows: int) -> bool:
    """Returns whether raw output can be sent to a terminal later: it only draws, and in at most `rows` rows.

    A bell, a query, a reset, a clipboard write or an unknown sequence would act a second time.
    """
    if data.count(b"\n") + len(data) // max(columns, 1) >= rows:
        return False
    return _REPLAY_SAFE.fullmatch(data) is not None


def leaves_nothing_below(data: bytes, columns: int, resizes: Iterable[int]) -> bool:
    """Returns whether nothing stands below the cursor: the output never moves the cursor up or erases what is below,
    and was at the end of a line at each of the positions `resizes`, where the size changed: that may wrap the line, as
    it may a blank one that has a background."""
    ends = [*resizes, len(data)]
    if _UP.search(data) or (len(ends) > 1 and _BACKGROUND.search(data)):
        return False
    if any(_BACK.search(data[data.rfind(b"\n", 0, end) + 1 : end]) for end in ends):
        return False
    return replay_safe(data, columns, data.count(b"\n") + len(data) // max(columns, 1) + 1)
