"""How wide characters are, and which of them join into one cell.

Widths come from wcwidth. Joining follows UAX 29 as far as terminals show it: marks, variation selectors, ZWJ emoji,
flags, skin tones, conjuncts. U+FE0F widens a narrow emoji and U+FE0E narrows a wide one where wcwidth's tables say so;
a spacing mark (Mc) and a conjunct take two columns. Terminals disagree on both selectors (kitty, ghostty and foot give
the column back after U+FE0E; xterm, VTE and xterm.js do not), so the tables decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from unicodedata import category, combining

ZWJ = "\u200d"

#: Ranges of characters that are one column wide and never join the one before: they are drawn in runs.
NARROW = (
    " -~\xa1-\xa8\xaa-\xac\xaf-\u02ff\u0370-\u0377\u0384-\u0482\u048a-\u052f\u05d0-\u05ea\u0620-\u064a\u0671-\u06d3"
    "\u1e00-\u1eff\u2010-\u2027\u2030-\u203b"
    "\u2190-\u2193\u2200-\u22ff\u2500-\u25a9\u2800-\u28ff\ue000-\uf8ff"
)
#: The same, two columns wide.
WIDE = "\u3000-\u3029\u3041-\u3096\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
RUNS = re.compile(f"([{NARROW}]+)|([{WIDE}]+)|(.)", re.DOTALL)


#: A character that may join others or have any width.
OTHER = re.compile(f"[^{NARROW}{WIDE}\0\r\n\x1b]")

#: Characters of combining class 9, after which a consonant joins (Unicode 16), and some more.
_VIRAMAS = (
    "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039\u103a\u1714\u1715"
    "\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953\ua9c0\uaaf6\uabed\U00010a00-\U00011fff\U0001612f"
)

#: Rows hold a character for each column (see `row`). The right half of a wide one is STUB. A grapheme of several code
#: points has a surrogate as its stand-in, which cannot come from UTF-8; there are so many of each kind, those that may
#: join what stands beside them and all others.
STUB = "\0"
STAND_INS = 1024
_stand_ins: dict[str, str] = {"": STUB}
_next = {True: 0xD800, False: 0xDC00}
#: A character in the text of a row that may join what stands beside it.
_JOINING_END = re.compile(f"[{ZWJ}{_VIRAMAS}]")
SEAM = re.compile(f"[\ud800-\udbff{ZWJ}\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff{_VIRAMAS}]")
#: The graphemes of what stands for them.
GRAPHEMES = {STUB: ""}
_STANDS_IN = re.compile("[\ud800-\udfff]")


def character(grapheme: str) -> str:
    """The one character for a grapheme in the text of a row; empty where no stand-in is left."""
    if len(grapheme) == 1:
        return grapheme
    known = _stand_ins.get(grapheme, "")
    if not known:
        joins = "\U0001f3fb" <= grapheme[0] <= "\U0001f3ff" or bool(_JOINING_END.match(grapheme[-1]))
        code = _next[joins]
        if code % STAND_INS < STAND_INS - 1:
            _next[joins] += 1
            known = _stand_ins[grapheme] = chr(code)
            GRAPHEMES[known] = grapheme
    return known


def expanded(text: str) -> str:
    """The text of a row with the graphemes themselves."""
    return _STANDS_IN.sub(lambda match: GRAPHEMES[match[0]], text.replace(STUB, ""))


class _Widths(dict[str, int]):
    """Columns by character. wcwidth, with its large tables, is loaded for the first one outside the ranges above."""

    def __missing__(self, char: str) -> int:
        if len(self) > 8192:
            self.clear()
        plain = RUNS.match(char)
        if plain is None or plain[3]:
            from wcwidth import wcwidth

            width = max(0, wcwidth(char))
        else:
            width = 1 if plain[1] else 2
        self[char] = width
        return width


WIDTH = _Widths()

_PICTOGRAPH = re.compile(
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3"
    "\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685"
    "\u2690-\u2705\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e"
    "\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c"
    "\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)


def _table(source: Mapping[str, tuple[tuple[int, int], ...]]) -> frozenset[str]:
    ranges = next(iter(source.values()), ())
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


@lru_cache(1)
def _widened() -> frozenset[str]:
    """The narrow emoji that U+FE0F makes wide."""
    try:
        from wcwidth.table_vs16 import VS16_NARROW_TO_WIDE
    except ImportError:
        return frozenset()
    return _table(VS16_NARROW_TO_WIDE)


@lru_cache(1)
def _narrowed() -> frozenset[str]:
    """The wide emoji that U+FE0E makes narrow."""
    try:
        from wcwidth.table_vs15 import VS15_WIDE_TO_NARROW
    except ImportError:
        return frozenset()
    return _table(VS15_WIDE_TO_NARROW)


def joined(cluster: str, width: int, char: str) -> int:
    """The width of `cluster` after `char` has joined it, or 0 where `char` begins a cell of its own."""
    last = cluster[-1:]
    own = WIDTH[char]
    if own == 0:
        if char == "\ufe0f":
            return 2 if last in _widened() else width
        if char == "\ufe0e":
            return 1 if cluster in _narrowed() else width
        return 2 if category(char) == "Mc" else width
    if last < "\u0300" or char < "\u0900":
        return 0
    if last == ZWJ and _PICTOGRAPH.match(char) and _PICTOGRAPH.match(cluster):
        return width
    if "\U0001f1e6" <= char <= "\U0001f1ff":
        return 2 if len(cluster) == 1 and "\U0001f1e6" <= last <= "\U0001f1ff" else 0
    if "\U0001f3fb" <= char <= "\U0001f3ff":
        return width if _PICTOGRAPH.match(last) or (last == "\ufe0f" and _PICTOGRAPH.match(cluster)) else 0
    # A virama (combining class 9) joins the consonant after it: a conjunct, at most two columns wide.
    virama = cluster[-2:-1] if last == ZWJ else last
    return 2 if virama and combining(virama) == 9 and category(char) == "Lo" else 0


def text_presentation(cluster: str) -> bool:
    """Whether U+FE0E has made a wide character one column wide."""
    return cluster[1:2] == "\ufe0e" and cluster[0] in _narrowed()


def attaches(char: str) -> bool:
    """Whether a character still joins the cell to the left after the cursor has moved (Mn and Me do)."""
    return category(char) in {"Mn", "Me"} and not "\ufe00" <= char <= "\ufe0f"


def clusters(text: str) -> list[tuple[str, int]]:
    """`text` as (grapheme, columns), without marks that have nothing to join."""
    out: list[tuple[str, int]] = []
    for char in text:
        if out:
            last, width = out[-1]
            new = joined(last, width, char)
            if new:
                out[-1] = (last + char, new)
                continue
        if WIDTH[char]:
            out.append((char, WIDTH[char]))
    return out
