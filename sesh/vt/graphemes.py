"""Widths of characters, and the joining of characters into graphemes.

Widths are those of the package `wcwidth`. Joining follows UAX 29 where terminals do: marks, variation selectors, ZWJ
emoji, flags, skin tones, conjuncts. U+FE0F widens a narrow emoji according to wcwidth's table; U+FE0E changes no width,
as in xterm, VTE and xterm.js (kitty, ghostty and foot narrow a wide emoji). A conjunct takes two columns, and so does a
grapheme with a spacing mark (Mc).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from unicodedata import category, combining

from wcwidth import wcswidth, wcwidth

ZWJ = "\u200d"
_EMOJI_STYLE = "\ufe0f"  # the variation selector for emoji presentation
CLUSTER_LIMIT = 17  # code points of a cell, a base and 16 marks; further ones are dropped

# Ranges of characters that are one column wide (NARROW) or two (WIDE), and never join the one before.
NARROW = (
    " -~\xa1-\xa8\xaa-\xac\xaf-\u02ff\u0370-\u0377\u0384-\u0482\u048a-\u052f\u05d0-\u05ea\u0620-\u064a\u0671-\u06d3"
    "\u1e00-\u1eff\u2010-\u2027\u2030-\u203b"
    "\u2190-\u2193\u2200-\u22ff\u2500-\u25a9\u2800-\u28ff\ue000-\uf8ff\ufffd"
)
WIDE = "\u3000-\u3029\u3041-\u3096\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
MARKS = "\u0300-\u036f"  # combining marks of no width: each joins the character before, and changes no width
RUNS = re.compile(f"([{NARROW}]+)|([{WIDE}]+)|(.)", re.DOTALL)
"""Matches a run of NARROW, a run of WIDE, or one other character, which may join and have any width."""
_MARKED = re.compile(f"(?:[{NARROW}][{MARKS}]*)+")
_OTHER = re.compile(f"[^{NARROW}{WIDE}]")

_KILLERS = "\u0d3b\u0d3c\u0e3a\u0eba\u0f84\u103a\u1714\u1715\u1734\u1baa\u1bf2\u1bf3\ua82c\ua953\uabed"
"""Viramas that only silence a vowel and join no consonants (Indic_Syllabic_Category Pure_Killer), such as asat."""
_GRAPHEME = re.compile(f"([{NARROW}][{MARKS}]{{0,{CLUSTER_LIMIT - 1}}})[{MARKS}]*")
SIMPLE = re.compile(f"[{NARROW}{WIDE}][{NARROW}{WIDE}{MARKS}]*")
"""Matches a text in which only marks join, without a change of width, and whose first character joins nothing."""


@lru_cache(8192)
def width(char: str) -> int:
    """Return a character's columns; flag letters and skin tones take two, as in kitty."""
    return 2 if _is_flag_letter(char) or _is_skin_tone(char) else max(0, wcwidth(char))


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_skin_tone(char: str) -> bool:
    return "\U0001f3fb" <= char <= "\U0001f3ff"


def _is_pictograph(char: str) -> bool:
    """Return whether a character is an emoji (approximates Extended_Pictographic of UAX 29)."""
    if "\U0001f000" <= char <= "\U0001faff":
        return not (_is_flag_letter(char) or _is_skin_tone(char))
    return "\u203c" <= char < "\u2e80" and _is_emoji(char)


def _is_emoji(char: str) -> bool:
    """Return whether a character has an emoji presentation, two columns wide."""
    return bool(wcswidth(char + _EMOJI_STYLE) == 2)


@lru_cache(8192)
def joined_width(cluster: str, columns: int, char: str) -> int:
    """Return the width of `cluster`, now `columns`, once `char` joins; 0 if it does not."""
    last = cluster[-1:]
    if width(char) == 0:
        if char == _EMOJI_STYLE:
            return 2 if _is_emoji(last) else columns
        return 2 if category(char) == "Mc" else columns
    if last < "\u0300" or char < "\u0900":
        return 0
    if last == ZWJ and _is_pictograph(char) and _is_pictograph(cluster[0]):
        return columns
    if _is_flag_letter(char):
        return 2 if len(cluster) == 1 and _is_flag_letter(last) else 0
    if _is_skin_tone(char):
        return columns if _is_pictograph(last) or (last == _EMOJI_STYLE and _is_pictograph(cluster[0])) else 0
    # A virama joins the next letter into a conjunct, at most two columns wide.
    virama = cluster[-2:-1] if last == ZWJ else last
    joins = virama and combining(virama) == 9 and virama not in _KILLERS
    return 2 if joins and category(char) == "Lo" else 0


def may_join(text: str) -> bool:
    """Return whether a text has characters outside NARROW and WIDE."""
    return not text.isascii() and _OTHER.search(text) is not None


def attaches(char: str) -> bool:
    """Return whether a character joins the left cell even after a movement (Mn, Me)."""
    return category(char) in {"Mn", "Me"} and not "\ufe00" <= char <= "\ufe0f"


def cells(text: str, before: Sequence[str] = ()) -> list[str]:
    """Return a grapheme for each column of `text`; "" follows a wide one.

    They come after `before`, the columns of a grapheme, which the first characters may join.
    """
    if not text.isascii() and _MARKED.fullmatch(text):  # nothing else joins
        return [*before, *_GRAPHEME.findall(text)]
    out = [*before]
    for narrow, wide, other in RUNS.findall(text):
        if narrow:
            out += narrow
        elif wide:
            out += [half for char in wide for half in (char, "")]
        else:
            _add_other(out, other)
    return out


def _add_other(cells: list[str], char: str) -> None:
    """Add a character of any width, or join it to the last grapheme."""
    x = len(cells) - 2 if cells[-1:] == [""] else len(cells) - 1
    if cells and (columns := joined_width(cells[x], len(cells) - x, char)):
        if len(cells[x]) < CLUSTER_LIMIT:
            cells[x:] = [cells[x] + char] + [""] * (columns - 1)
    elif columns := width(char):  # a mark without a base has no column
        cells += [char] + [""] * (columns - 1)
