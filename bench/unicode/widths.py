"""Compares the widths of characters with those of xterm and kitty, where these two agree.

    python -m bench.unicode.widths XTERM/wcwidth.c KITTY/kitty/char-props-data.h

The files are tables in the sources of the two terminals. Prints each range that differs, with both widths.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sesh.vt.graphemes import width

_CHARACTERS = [code for code in range(0x20, 0x110000) if not (0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000)]


def xterm(path: Path) -> list[int]:
    """The widths of `mk_wcwidth`, as xterm has it by default; -1 for what Unicode does not have."""
    text = path.read_text(encoding="utf-8")
    widths = [1] * 0x110000
    for name, columns in (("unknowns", -1), ("doublewidth", 2), ("combining", 0), ("formatting", 0)):
        table = text.split(f"interval {name}[]", 1)[1].split("};", 1)[0]
        for first, last in re.findall(r"\{\s*0x([0-9A-Fa-f]+),\s*0x([0-9A-Fa-f]+)\s*\}", table):
            for code in range(int(first, 16), min(int(last, 16), 0x10FFFF) + 1):
                if name != "unknowns" or not _is_private(code):
                    widths[code] = columns
    widths[0xAD] = 1
    return widths


def _is_private(code: int) -> bool:
    return 0xE000 <= code <= 0xF8FF or 0xF0000 <= code <= 0xFFFFD or 0x100000 <= code <= 0x10FFFD


def kitty(path: Path) -> list[int]:
    """Returns the widths of kitty's three-step table of characters; negative for characters that it does not draw."""
    text = path.read_text(encoding="utf-8")
    pages, entries = (
        list(map(int, re.findall(r"\d+", text.split(f"CharProps_t{step}[", 1)[1].split("{", 1)[1].split("}", 1)[0])))
        for step in (1, 2)
    )
    shifted = text.split("CharProps_t3[", 1)[1].split("\n};", 1)[0]
    widths = [int(width) - 4 for width in re.findall(r"\.shifted_width=(\d+)", shifted)]
    return [widths[entries[(pages[code >> 8] << 8) + (code & 255)]] for code in range(0x110000)]


def differences(first: list[int], second: list[int]) -> Iterator[tuple[int, int, int, int]]:
    """Returns ranges in which both agree on a width and sesh has another: first, last, their width, ours."""

    def widths(code: int) -> tuple[int, int]:
        return first[code], width(chr(code))

    found = [code for code in _CHARACTERS if first[code] == second[code] >= 0 and first[code] != width(chr(code))]
    for _, group in groupby(enumerate(found), lambda pair: (pair[1] - pair[0], *widths(pair[1]))):
        codes = [code for _, code in group]
        yield (codes[0], codes[-1], *widths(codes[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("xterm", type=Path)
    parser.add_argument("kitty", type=Path)
    files = parser.parse_args()
    first, second = xterm(files.xterm), kitty(files.kitty)
    agreed = sum(first[code] == second[code] >= 0 for code in _CHARACTERS)
    count = 0
    for start, end, theirs, ours in differences(first, second):
        print(f"U+{start:04X}..{end:04X}: {theirs} there, {ours} here")
        count += end - start + 1
    print(f"{count} of {agreed} characters on which both agree")


if __name__ == "__main__":
    main()
