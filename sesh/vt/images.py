"""The size of images in cells, by which they move the cursor; none is kept.

Sixel (DEC STD 070): the cursor ends in the image's last row, in the column where it began, as in xterm with DECSDM off.
Kitty's graphics: the cursor ends right of the last row, unless the command says otherwise.
"""

from __future__ import annotations

import re
from math import ceil

CELL_HEIGHT = 20  # height of a cell in pixels if the terminal does not report it: a guess
_START = re.compile(r"\x1b(?:P[0-9;]*q|_G|\]1337;(?:File|MultipartFile|FilePart)=)")
_SIXEL = re.compile(r'\x1bP[0-9;]*q\s*(?:"[0-9]*;[0-9]*;[0-9]*;([0-9]{1,5}))?')


def is_image_start(sequence: str) -> bool:
    """Return whether a sequence, perhaps incomplete, belongs to an image: sixel, kitty or iTerm2."""
    return _START.match(sequence) is not None


def image_cells(sequence: str, cell_height: int) -> tuple[int, int]:
    """Return the columns and rows by which an image moves the cursor, else none."""
    if sixel := _SIXEL.match(sequence):
        height = int(sixel[1] or 0)  # in pixels, by the raster attributes
        if not height:
            bands = sequence[sixel.end() :].rstrip("-").count("-") + 1
            height = 6 * bands
        return 0, ceil(height / cell_height)
    return _kitty_cells(sequence[3:]) if sequence.startswith("\x1b_G") else (0, 0)


def _kitty_cells(command: str) -> tuple[int, int]:
    """Return the columns and rows of a graphics command that moves the cursor.

    If the size is missing, the cursor is wrong until the next redraw. Of an image in pieces, only the first has it.
    """
    # a: action; c, r: cells to fill. The cursor stays with C=1, U (a placeholder in the text) and P (relative to
    # another image).
    keys = dict(pair.partition("=")[::2] for pair in command.partition(";")[0][:1024].split(","))
    if keys.get("a") not in ("T", "p") or keys.get("C") == "1" or keys.get("U") == "1" or "P" in keys:
        return 0, 0
    columns, rows = _number(keys, "c"), _number(keys, "r")
    return (columns, rows) if columns and rows else (0, 0)


def _number(keys: dict[str, str], key: str) -> int:
    text = keys.get(key, "")
    return min(int(text), 65535) if text.isascii() and text.isdigit() and len(text) < 10 else 0
