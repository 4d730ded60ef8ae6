"""Box drawing and block elements (U+2500 to U+259F) as shapes: fonts leave gaps between rows, shapes do not.

A shape is SVG for a box of 9 by 18, in the colour `currentColor`.
"""

from __future__ import annotations

from unicodedata import name

WIDTH, HEIGHT = 9, 18
_MIDDLE, _CENTRE = WIDTH / 2, HEIGHT / 2
_SIDES = {"LEFT": (0, _CENTRE), "RIGHT": (WIDTH, _CENTRE), "UP": (_MIDDLE, 0), "DOWN": (_MIDDLE, HEIGHT)}
_BOTH = {"HORIZONTAL": ("LEFT", "RIGHT"), "VERTICAL": ("UP", "DOWN")}
_WEIGHTS = {"LIGHT": 1.2, "SINGLE": 1.2, "HEAVY": 2.6, "DOUBLE": 3.6}
_DASHES = {"DOUBLE": 2, "TRIPLE": 3, "QUADRUPLE": 4}
_QUADRANTS = {0x96: "3", 0x97: "4", 0x98: "1", 0x99: "134", 0x9A: "14", 0x9B: "123", 0x9C: "124", 0x9D: "2"}
_QUADRANTS |= {0x9E: "23", 0x9F: "234"}


def shape(character: str) -> str:
    """The shape of a character, empty where it is no box and no block."""
    if not "\u2500" <= character <= "\u259f" or len(character) != 1:
        return ""
    if character >= "\u2580":
        return _block(ord(character) - 0x2500)
    words = name(character).removeprefix("BOX DRAWINGS ")
    if "ARC" in words:
        return _arc(words)
    if "DIAGONAL" in words:
        return _diagonal(words)
    if "DASH" in words:
        return _dashed(words)
    return "".join(_arm(side, weight) for side, weight in _arms(words).items())


def _arms(words: str) -> dict[str, str]:
    """How heavy the line to each side is: `VERTICAL LIGHT AND RIGHT HEAVY` and all other ways of saying it."""
    arms: dict[str, str] = {}
    for part in words.split(" AND "):
        weights = [word for word in part.split() if word in _WEIGHTS]
        for word in part.split():
            for side in _BOTH.get(word, (word,) if word in _SIDES else ()):
                arms[side] = weights[0] if weights else ""
    said = next((weight for weight in arms.values() if weight), "LIGHT")
    return {side: weight or said for side, weight in arms.items()}


def _arm(side: str, weight: str) -> str:
    """A line from the middle to a side; a little beyond the middle, so that corners close."""
    x, y = _SIDES[side]
    wide = _WEIGHTS[weight]
    over = wide / 2
    flat = y == _CENTRE
    left, right = (min(x, _MIDDLE - over), max(x, _MIDDLE + over)) if flat else (x - wide / 2, x + wide / 2)
    top, bottom = (y - wide / 2, y + wide / 2) if flat else (min(y, _CENTRE - over), max(y, _CENTRE + over))
    if weight != "DOUBLE":
        return _filled(left, top, right, bottom)
    thin = wide / 3
    if flat:
        return _filled(left, top, right, top + thin) + _filled(left, bottom - thin, right, bottom)
    return _filled(left, top, left + thin, bottom) + _filled(right - thin, top, right, bottom)


def _filled(left: float, top: float, right: float, bottom: float, opacity: float = 1.0) -> str:
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<path d="M{left:g} {top:g}H{right:g}V{bottom:g}H{left:g}z" fill="currentColor"{faint}/>'


def _stroked(path: str, wide: float = 1.2, dash: str = "") -> str:
    more = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="{wide:g}"{more}/>'


def _arc(words: str) -> str:
    (x, y), (u, v) = (_SIDES[side] for side in words.removeprefix("LIGHT ARC ").split(" AND "))
    return _stroked(f"M{x:g} {y:g}Q{_MIDDLE:g} {_CENTRE:g} {u:g} {v:g}")


def _diagonal(words: str) -> str:
    rising, falling = f"M0 {HEIGHT}L{WIDTH} 0", f"M0 0L{WIDTH} {HEIGHT}"
    return _stroked(rising + falling if "CROSS" in words else rising if "UPPER RIGHT" in words else falling)


def _dashed(words: str) -> str:
    parts = next(count for word, count in _DASHES.items() if f"{word} DASH" in words)
    wide = _WEIGHTS["HEAVY" if words.startswith("HEAVY") else "LIGHT"]
    flat = "HORIZONTAL" in words
    step = (WIDTH if flat else HEIGHT) / parts
    path = f"M{step / 6:g} {_CENTRE:g}H{WIDTH}" if flat else f"M{_MIDDLE:g} {step / 6:g}V{HEIGHT}"
    return _stroked(path, wide, f"{step * 2 / 3:g} {step / 3:g}")


def _block(code: int) -> str:
    """Parts of the cell: eighths from below and from the left, halves, shades, quadrants."""
    if code in _QUADRANTS:
        return "".join(
            _filled(_MIDDLE * (number in "24"), _CENTRE * (number in "34"), _MIDDLE * (1 + (number in "24")),
                    _CENTRE * (1 + (number in "34")))
            for number in _QUADRANTS[code]
        )  # fmt: skip
    if 0x81 <= code <= 0x88:
        return _filled(0, HEIGHT * (1 - (code - 0x80) / 8), WIDTH, HEIGHT)
    if 0x89 <= code <= 0x8F:
        return _filled(0, 0, WIDTH * (0x90 - code) / 8, HEIGHT)
    if 0x91 <= code <= 0x93:
        return _filled(0, 0, WIDTH, HEIGHT, (code - 0x90) / 4)
    others = {
        0x80: (0, 0, WIDTH, _CENTRE), 0x90: (_MIDDLE, 0, WIDTH, HEIGHT),
        0x94: (0, 0, WIDTH, HEIGHT / 8), 0x95: (WIDTH * 7 / 8, 0, WIDTH, HEIGHT),
    }  # fmt: skip
    return _filled(*others[code])
