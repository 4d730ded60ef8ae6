"""Cells that an image takes, as far as its sequence says them: they move the cursor. Nothing of an image is kept.

Sixel (DEC STD 070): the cursor ends in the last row of the image and in the column in which it began, as in xterm with
DECSDM off. Graphics of kitty: it ends right of the last row, unless the command says otherwise.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

ImagesState = tuple[list[int], str | None, list[int], dict[str, list[int]]]
"""The size of a cell, the image that is loading, its place, and the sizes of images by number."""

CELL = (10, 20)
"""Width and height of a cell in pixels if the terminal does not tell: a guess."""
LARGEST, REMEMBERED = 1000, 100
"""Cells of an image in either direction, and images whose size is remembered."""

_START = re.compile(r"\x1b(?:P[0-9;]*q|_G|\]1337;(?:File|MultipartFile|FilePart)=)")
_SIXEL = re.compile(r'\x1bP[0-9;]*q\s*(?:"[0-9]*;[0-9]*;[0-9]*;([0-9]{1,5}))?')


def begins(sequence: str) -> bool:
    """Return whether a sequence, or the start of one, is an image or a part of one: of sixel, kitty or iTerm2."""
    return _START.match(sequence) is not None


def _number(text: str | None) -> int:
    return min(int(text), 65535) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _ceil(pixels: float, cell: int) -> int:
    return int(-(-pixels // cell))


class Images:
    """State of images: `cell`, the size of a cell; `loading`, the start of an image that comes in parts; `place`, the
    cursor's position at its last part."""

    def __init__(self) -> None:
        self.cell = CELL
        self.loading: str | None = None
        self.place: list[int] = []
        self._sizes: dict[str, tuple[int, int]] = {}

    def state(self) -> ImagesState:
        """All of it as plain data."""
        return list(self.cell), self.loading, self.place, {name: list(size) for name, size in self._sizes.items()}

    def load(self, state: ImagesState) -> None:
        """Take over what `state` returned."""
        (width, height), self.loading, self.place, sizes = state
        self.cell = (width, height)
        self._sizes = {name: (size[0], size[1]) for name, size in sizes.items()}

    def sixel(self, sequence: str, skipped: int = 0) -> int:
        """Return the rows of a sixel image; 0 if it is none. `skipped`: bands that are left out in its middle.

        A band is six pixels high, and each character the bits of one column of it: the last band that sets a bit gives
        the height, if the raster attributes do not give a greater one.
        """
        match = _SIXEL.match(sequence)
        if match is None:
            return 0
        height = _number(match[1])
        bands = sequence[match.end() :].split("-")
        for index in range(len(bands) - 1, -1, -1):
            bits = 0
            for char in set(bands[index]):
                if "?" <= char <= "~":
                    bits |= ord(char) - 0x3F
            if bits:
                height = max(height, 6 * (index + skipped) + bits.bit_length())
                break
        return min(LARGEST, _ceil(height, self.cell[1]))

    def kitty(self, body: str) -> tuple[int, int] | None:
        """Return the columns and rows by which a command of kitty's graphics, `G…`, moves the cursor; None if it does
        not move it, or does not say the size."""
        control, _, payload = body[1:].partition(";")
        keys = _keys(control)
        if self.loading is not None and "a" not in keys:
            if keys.get("m") == "1":
                return None
            control, _, payload = self.loading.partition(";")
            keys = _keys(control)
        elif keys.get("m") == "1" and keys.get("a", "t") in ("t", "T", "q"):
            self.loading = f"{control[:1024]};{payload[:32]}"
            return None
        self.loading = None
        return self._placed(keys, payload)

    def _placed(self, keys: dict[str, str], payload: str) -> tuple[int, int] | None:
        # a: action; i: image; s, v: its size; f: format; t: medium; o: compression. The cursor stays with C=1,
        # U (a placeholder in the text) and P (relative to another placement).
        action, name = keys.get("a", "t"), keys.get("i", "0")
        if action == "p":
            size = self._sizes.get(name, (0, 0))
        else:
            size = (_number(keys.get("s")), _number(keys.get("v")))
            if not all(size) and keys.get("f") == "100" and keys.get("t", "d") == "d" and "o" not in keys:
                size = _png(payload)
        if action in ("t", "T") and name != "0":
            self._sizes.pop(name, None)
            self._sizes[name] = size
            if len(self._sizes) > REMEMBERED:
                del self._sizes[next(iter(self._sizes))]
        if action not in ("T", "p") or keys.get("C") == "1" or keys.get("U") == "1" or "P" in keys:
            return None
        return self._cells(keys, size)

    def _cells(self, keys: dict[str, str], size: tuple[int, int]) -> tuple[int, int] | None:
        # c, r: cells to fill; w, h: the part of the image to show; X, Y: pixels to leave free in the first cell.
        columns, rows = _number(keys.get("c")), _number(keys.get("r"))
        width, height = _number(keys.get("w")) or size[0], _number(keys.get("h")) or size[1]
        if not (columns and rows):
            if not (width and height):
                return None
            across, down = self.cell
            right, below = _number(keys.get("X")), _number(keys.get("Y"))
            if columns:
                rows = _ceil((columns * across + right) * height / width, down)
            elif rows:
                columns = _ceil((rows * down + below) * width / height, across)
            else:
                columns, rows = _ceil(width + right, across), _ceil(height + below, down)
        return min(columns, LARGEST), min(rows, LARGEST)


def _keys(control: str) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in control[:1024].split(","))


def _png(payload: str) -> tuple[int, int]:
    """The size that the start of a PNG file says."""
    try:
        data = a2b_base64(payload[:32])
    except (Error, ValueError):
        return 0, 0
    if len(data) < 24 or not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        return 0, 0
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
