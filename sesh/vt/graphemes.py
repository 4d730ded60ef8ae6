"""Widths of characters, and the rules by which they join into one cell.

Widths are those of wcwidth. Joining follows UAX 29 as far as terminals show it: marks, variation selectors, ZWJ emoji,
flags, skin tones, conjuncts. U+FE0F widens a narrow emoji and U+FE0E narrows a wide one where wcwidth's tables say so;
a spacing mark (Mc) and a conjunct take two columns. Terminals disagree on both selectors (kitty, ghostty and foot give
the column back after U+FE0E; xterm, VTE and xterm.js do not), so the tables decide.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from codecs import utf_16_le_decode, utf_32_le_encode
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar
from unicodedata import category

from sesh.vt.breaks import KINDS, STARTS, VIRAMAS
from sesh.vt.column_widths import NARROWED, WIDENED, WIDTHS
from sesh.vt.column_widths import STARTS as FIRST

V = TypeVar("V")

ZWJ = "\u200d"

NARROW = (
    " -~\xa1-\xa8\xaa-\xac\xaf-\u02ff\u0370-\u0377\u0384-\u0482\u048a-\u052f\u05d0-\u05ea\u0620-\u064a\u0671-\u06d3"
    "\u1e00-\u1eff\u2010-\u2027\u2030-\u203b"
    "\u2190-\u2193\u2200-\u22ff\u2500-\u25a9\u2800-\u28ff\ue000-\uf8ff"
)
"""Ranges of characters that are one column wide and never join the one before: they are drawn in runs."""
WIDE = "\u3000-\u3029\u3041-\u3096\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
"""Ranges of characters that are two columns wide and never join the one before."""
RUNS = re.compile(f"([{NARROW}]+)|([{WIDE}]+)|(.)", re.DOTALL)


OTHER = re.compile(f"[^{NARROW}{WIDE}\0\r\n\x1b]")
"""A character that may join others or have any width."""

STUB = "\0"
STAND_INS = 1024
"""Rows hold a character for each column (see `row`). The right half of a wide one is STUB. A grapheme of several code
points has a stand-in, a surrogate, which cannot come from UTF-8. There are up to STAND_INS of each kind: high
surrogates for graphemes that may join their neighbours or are written `apart`, low ones for all others. Those that no
row holds any more are given away again (`screen.free_stand_ins`)."""
_stand_ins: dict[str, str] = {"": STUB}
_free = {True: deque(map(chr, range(0xD800, 0xDC00))), False: deque(map(chr, range(0xDC00, 0xE000)))}
"""Stand-ins that no grapheme has, of the first and of the second kind."""
_JOINING_END = re.compile(f"[{ZWJ}{VIRAMAS}]")
_LOW_VIRAMAS = "".join(char for char in VIRAMAS if char < "\U00010000")
_HIGH_VIRAMAS = VIRAMAS[len(_LOW_VIRAMAS) :]
SEAM = re.compile(
    f"[\ud800-\udbff{ZWJ}{_LOW_VIRAMAS}{_HIGH_VIRAMAS[0]}-{_HIGH_VIRAMAS[-1]}\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"
)
"""A character in the text of a row that may join its neighbours. Beyond U+FFFF each range is one more step for each
character, so one holds all viramas there, and others."""
GRAPHEMES = {STUB: ""}
"""The graphemes by their stand-ins."""
_STANDS_IN = re.compile("([\ud800-\udfff])")


def character(grapheme: str) -> str:
    """Return the one character for a grapheme in the text of a row; "" if no stand-in is left."""
    if len(grapheme) == 1:
        return grapheme
    stand_in = _stand_ins.get(grapheme, "")
    if not stand_in:
        joins = "\U0001f3fb" <= grapheme[0] <= "\U0001f3ff" or bool(_JOINING_END.match(grapheme[-1])) or apart(grapheme)
        if _free[joins]:
            stand_in = _stand_ins[grapheme] = _free[joins].popleft()
            GRAPHEMES[stand_in] = grapheme
    return stand_in


def stand_ins_left() -> int:
    """Return how many graphemes may still get a stand-in, whatever their kind."""
    return min(map(len, _free.values()))


def keep_stand_ins(held: set[str]) -> None:
    """Free all stand-ins but those among `held`, the characters that rows hold."""
    for stand_in in GRAPHEMES.keys() - held - {STUB}:
        del _stand_ins[GRAPHEMES.pop(stand_in)]
        _free[stand_in < "\udc00"].append(stand_in)
    _layouts.clear()


def expanded(text: str) -> str:
    """The text of a row with the graphemes themselves."""
    parts = _STANDS_IN.split(text.replace(STUB, ""))
    parts[1::2] = map(GRAPHEMES.__getitem__, parts[1::2])
    return "".join(parts)


_AS_XTERM_AND_KITTY = {
    **dict.fromkeys("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd", 0),
    "\u3164": 2,
}
"""Widths on which xterm and kitty agree against wcwidth (`python -m bench.unicode.widths`): number signs and their like
(prepended concatenation marks) have none, and the Hangul filler is wide. Two more kinds of marks, which kitty joins to
the cell before, keep wcwidth's width."""


class _Known(dict[str, V]):
    """What `find` returns for a text, remembered for up to `most` texts of up to LONGEST characters."""

    def __init__(self, find: Callable[[str], V], most: int) -> None:
        self._find, self._most = find, most

    def __missing__(self, text: str) -> V:
        found = self._find(text)
        if len(text) <= LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[text] = found
        return found


LONGEST = 64


def _width(char: str) -> int:
    plain = RUNS.match(char)
    if plain is not None and not plain[3]:
        return 1 if plain[1] else 2
    return _AS_XTERM_AND_KITTY.get(char, int(WIDTHS[bisect_right(FIRST, char) - 1]))


WIDTH = _Known(_width, 8192)
"""Columns by character."""
KIND = _Known(lambda char: KINDS[bisect_right(STARTS, ord(char)) - 1], 8192)
"""The kinds of `breaks` by character."""
_SPACING = frozenset(",ELS")
"""The kinds of spacing marks (Mc)."""


@lru_cache(2)
def _emoji_changed_by(selector: str) -> frozenset[str]:
    """The narrow emoji that U+FE0F makes wide, or the wide ones that U+FE0E makes narrow."""
    return frozenset(WIDENED if selector == "\ufe0f" else NARROWED)


def joined(cluster: str, width: int, char: str) -> int:
    """Return the width of `cluster` after `char` has joined it; 0 if `char` begins its own cell (mode 2027 off)."""
    last = cluster[-1:]
    own = WIDTH[char]
    if own == 0:
        if char == "\ufe0f":
            return 2 if last in _emoji_changed_by(char) else width
        if char == "\ufe0e":
            return 1 if cluster in _emoji_changed_by(char) else width
        return 2 if KIND[char] in _SPACING else width
    if last < "\u0300" or char < "\u0900":
        return 0
    kind = KIND[char]
    if last == ZWJ and kind == KIND[cluster[0]] == "g":
        return width
    if kind == "r":
        return 2 if len(cluster) == 1 and KIND[last] == "r" else 0
    if "\U0001f3fb" <= char <= "\U0001f3ff":
        return width if KIND[last] == "g" or (last == "\ufe0f" and KIND[cluster[0]] == "g") else 0
    # A virama joins the letter after it: a conjunct, at most two columns wide.
    virama = cluster[-2:-1] if last == ZWJ else last
    return 2 if virama and virama in VIRAMAS and kind in "ko" else 0


def joined_by_unicode(cluster: str, width: int, char: str) -> int:
    """Return the width of `cluster` after `char` has joined it; 0 if `char` begins a cell of its own (mode 2027 on). As
    in UAX 29, except that no character without a width has a cell of its own."""
    own = WIDTH[char]
    if own and not continues(cluster, char):
        return 0
    return joined(cluster, width, char) or min(2, width + own)


def continues(cluster: str, char: str) -> bool:
    """Return whether there is no boundary between `cluster` and `char` (UAX 29, GB4 to GB13). The letters are the kinds
    of `breaks`."""
    kinds = "".join(map(KIND.__getitem__, cluster)).lower()
    before, kind = kinds[-1:], KIND[char].lower()
    if before == "c" or kind == "c":
        return False
    if kind in "nelzs" or before == "p":
        return True
    if kind in "123h":
        is_open = before == "h" and (ord(cluster[-1]) - 0xAC00) % 28 == 0  # a syllable without a final consonant (LV)
        return (before, kind) in _HANGUL or (is_open and kind == "2")
    if kind == "k":
        return bool(_CONJUNCT.search(kinds))
    return (kind == "g" and bool(_ZWJ_SEQUENCE.search(kinds))) or (kind == "r" and bool(_HALF_FLAG.search(kinds)))


_HANGUL = {("1", "1"), ("1", "2"), ("1", "h"), ("2", "2"), ("2", "3"), ("3", "3"), ("h", "3")}
_CONJUNCT = re.compile("k[ez]*l[elz]*$")
_ZWJ_SEQUENCE = re.compile("g[nel]*z$")
_HALF_FLAG = re.compile("(?<!r)(?:rr)*r$")


@lru_cache(1024)
def apart(cluster: str) -> bool:
    """Return whether a cluster is one only while mode 2027 is on."""
    return len(clusters(cluster)) > 1


def text_presentation(cluster: str) -> bool:
    """Return whether U+FE0E has made a wide character one column wide."""
    return cluster[1:2] == "\ufe0e" and cluster[0] in _emoji_changed_by("\ufe0e")


def attaches(char: str) -> bool:
    """Return whether a character still joins the cell to the left after the cursor has moved (Mn and Me do)."""
    return category(char) in {"Mn", "Me"} and not "\ufe00" <= char <= "\ufe0f"


CLUSTER_LIMIT = 17
"""Code points that a cell keeps: a base and 16 marks. No real text has more."""


def clusters(text: str, rule: Callable[[str, int, str], int] = joined) -> list[tuple[str, int]]:
    """`text` as (grapheme, columns), without marks that have nothing to join, or are too many for a cell."""
    out: list[tuple[str, int]] = []
    for narrow, wide, other in RUNS.findall(text):
        if not other and rule is joined:
            out += [(char, 1 if narrow else 2) for char in narrow or wide]
            continue
        for char in narrow or wide or other:
            if out and (new := rule(*out[-1], char)):
                last = out[-1][0]
                if len(last) < CLUSTER_LIMIT:
                    out[-1] = (last + char, new)
            elif WIDTH[char]:
                out.append((char, WIDTH[char]))
    return out


# -- printable text as a row holds it -------------------------------------------------------------------------

_NOT_NARROW = re.compile(f"[^{NARROW}]")
_NARROW_BUT_BLANK = re.compile(f"[{NARROW.replace(' -', '!-', 1)}]")
_WIDE_RUN = re.compile(f"([{WIDE}]+)")


def is_narrow(text: str) -> bool:
    """Return whether all characters are one column wide and join nothing."""
    return text.isascii() or not _NOT_NARROW.search(text)


def columns(text: str) -> str:
    """Return a character for each column that `text` takes in a row with room for it; "" if it can only be printed
    character by character. Its first character must join nothing."""
    if not _NOT_NARROW.search(text):
        return text
    if OTHER.search(text):
        layout = " ".join(map(_layouts.__getitem__, text.split(" ")))
        return "" if _UNKNOWN in layout else layout
    if not _NARROW_BUT_BLANK.search(text):
        return _with_stubs(text).replace(f" {STUB}", " ")
    parts = _WIDE_RUN.split(text)
    parts[1::2] = map(_with_stubs, parts[1::2])
    return "".join(parts)


def _with_stubs(text: str) -> str:
    """Characters of the Basic Multilingual Plane, each with STUB behind it: the upper half of its UTF-32."""
    return utf_16_le_decode(utf_32_le_encode(text)[0])[0]


_UNKNOWN = "\1"
"""The layout of a word that can only be printed character by character."""


EMOJI = "\U0001f300-\U0001f3fa\U0001f400-\U0001f64f\U0001f680-\U0001f6d2"
"""Ranges of characters with a width that join the one before only if that is ZWJ."""
_UNIT = re.compile(f"(?:[{NARROW}{WIDE}{EMOJI}]|^)(?:[^{NARROW}{WIDE}{EMOJI}]|(?<={ZWJ})[{EMOJI}])*")
"""A part of a word between two places at which nothing joins."""


def _laid_out(word: str) -> str:
    if len(units := _UNIT.findall(word)) > 1:
        return "".join(map(_layouts.__getitem__, units))
    graphemes = clusters(word)
    # A mark joins the blank before it; U+FE0E may give a column back.
    if (word and not WIDTH[word[0]]) or any(text_presentation(grapheme) for grapheme, _ in graphemes):
        return _UNKNOWN
    return "".join([(character(grapheme) or _UNKNOWN) + STUB * (width - 1) for grapheme, width in graphemes])


_layouts = _Known(_laid_out, 4096)
"""Layouts of words in which characters may join or have any width."""
