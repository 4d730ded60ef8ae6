"""Printable text as a row holds it: a character for each column (see `row`)."""

from __future__ import annotations

import re

from sesh.vt.graphemes import CLUSTER_LIMIT, NARROW, OTHER, RUNS, STUB, WIDTH, character, joined

_UNKNOWN = "\1"
"""The layout of a word that can only be printed character by character."""
WORDS, LONGEST = 4096, 64
"""Words whose layout is remembered, and the longest of them."""

_NOT_NARROW = re.compile(f"[^{NARROW}]")


class _Layouts(dict[str, str]):
    """Layouts of words in which characters may join or have any width."""

    def __missing__(self, word: str) -> str:
        layout = _laid_out(word)
        if len(word) <= LONGEST:
            if len(self) >= WORDS:
                self.clear()
            self[word] = layout
        return layout


_layouts = _Layouts()


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
    return RUNS.sub(lambda match: match[1] or STUB.join(match[2]) + STUB, text)


def _laid_out(word: str) -> str:
    graphemes: list[tuple[str, int]] = []
    for narrow, wide, other in RUNS.findall(word):
        if not other:
            graphemes += [(char, 1 if narrow else 2) for char in narrow or wide]
            continue
        if graphemes:
            last, width = graphemes[-1]
            new = joined(last, width, other)
            if new:
                if new < width:
                    return _UNKNOWN
                if len(last) < CLUSTER_LIMIT:
                    graphemes[-1] = (last + other, new)
                continue
        if not WIDTH[other]:
            return _UNKNOWN
        graphemes.append((other, WIDTH[other]))
    return "".join([(character(grapheme) or _UNKNOWN) + STUB * (width - 1) for grapheme, width in graphemes])
