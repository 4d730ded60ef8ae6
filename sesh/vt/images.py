"""The size of an image in cells, if its sequence gives it: images move the cursor. Nothing of an image is kept.

Sixel (DEC STD 070): the cursor ends in the last row of the image and in the column in which it began, as in xterm with
DECSDM off. Graphics of kitty: it ends right of the last row, unless the command says otherwise.
"""

from __future__ import annotations

import re

CELL_HEIGHT = 20
"""Height of a cell in pixels if the terminal does not tell: a guess."""
_START = re.compile(r"\x1b(?:P[0-9;]*q|_G|\]1337;(?:File|MultipartFile|FilePart)=)")
_SIXEL = re.compile(r'\x1bP[0-9;]*q\s*(?:"[0-9]*;[0-9]*;[0-9]*;([0-9]{1,5}))?')


def begins(sequence: str) -> bool:
    """Tell whether a sequence, or the start of one, is an image or a part of one: of sixel, kitty or iTerm2."""
    return _START.match(sequence) is not None


def sixel_rows(sequence: str, cell_height: int) -> int:
    """Return the rows of a sixel image; 0 if it is none. Of a very long one only the start is here: its raster
    attributes tell the height.

    A band is six pixels high, and each character the bits of one column of it: the last band that sets a bit gives the
    height, if the raster attributes do not give a greater one.
    """
    match = _SIXEL.match(sequence)
    if match is None:
        return 0
    height = int(match[1] or 0)
    bands = sequence[match.end() :].split("-")
    for index in range(len(bands) - 1, -1, -1):
        bits = 0
        for char in set(bands[index]):
            if "?" <= char <= "~":
                bits |= ord(char) - 0x3F
        if bits:
            height = max(height, 6 * index + bits.bit_length())
            break
    return -(-height // cell_height)


def kitty_cells(body: str) -> tuple[int, int] | None:
    """Return the columns and rows by which a whole command of kitty's graphics, `G…`, moves the cursor.

    None if it is none, does not move it, or does not say them: then it is right again after the next redraw.
    """
    if not body.startswith("G"):
        return None
    # a: action; c, r: cells to fill. The cursor stays with C=1, U (a placeholder in the text) and P (relative to
    # another image); with m the command goes on in another one.
    keys = dict(pair.partition("=")[::2] for pair in body[1:].partition(";")[0][:1024].split(","))
    if keys.get("a") not in ("T", "p") or keys.get("C") == "1" or keys.get("U") == "1" or "P" in keys or "m" in keys:
        return None
    columns, rows = _number(keys, "c"), _number(keys, "r")
    return (columns, rows) if columns and rows else None


def _number(keys: dict[str, str], key: str) -> int:
    text = keys.get(key, "")
    return min(int(text), 65535) if text.isascii() and text.isdigit() and len(text) < 10 else 0
