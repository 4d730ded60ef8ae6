"""Writes sesh/vt/breaks.py, the properties of characters that make grapheme clusters, from the files of Unicode.

python -m bench.unicode.breaks            from unicode.org
python -m bench.unicode.breaks FOLDER     from a folder with the same files
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from urllib.request import urlopen

VERSION = "16.0.0"
MODULE = Path(__file__).parents[2] / "sesh" / "vt" / "breaks.py"
_LINE = 102
_UCD = f"https://www.unicode.org/Public/{VERSION}/ucd/"
FILES = (
    "auxiliary/GraphemeBreakProperty.txt",
    "emoji/emoji-data.txt",
    "DerivedCoreProperties.txt",
    "IndicSyllabicCategory.txt",
    "UnicodeData.txt",
)

_BREAKS = {
    "Prepend": "p", "Control": "c", "CR": "c", "LF": "c", "Extend": "n", "ZWJ": "z", "SpacingMark": "s",
    "Regional_Indicator": "r", "L": "1", "V": "2", "T": "3", "LV": "h", "LVT": "h",
}  # fmt: skip
_PICTOGRAPHS = {".": "g"}
_CONJUNCTS = {("n", "Extend"): "e", ("n", "Linker"): "l", ("z", "Extend"): "z", (".", "Consonant"): "k"}

_HEAD = '''"""The properties of characters that make grapheme clusters. Made by `python -m bench.unicode.breaks`.

From STARTS[n] on, up to the next start, characters are of KINDS[n]:

    p Prepend           n Extend                 k a consonant that conjuncts are made of (InCB)
    c Control, CR, LF   e the same, InCB Extend  g Extended_Pictographic
    z ZWJ               l the same, InCB Linker  o another letter (Lo)
    r Regional_Indicator                         s SpacingMark
    1 2 3 Hangul L, V, T; h LV and LVT           . any other

A capital letter, and `,` for `.`, is a spacing mark (Mc). VIRAMAS stack or join consonants in some script
(Indic_Syllabic_Category Virama and Invisible_Stacker).
"""
'''


def read(name: str, folder: Path | None) -> str:
    """A file of the database: from `folder`, where it may also lie without the folders of unicode.org."""
    if folder is None:
        with urlopen(_UCD + name, timeout=60) as answer:  # noqa: S310
            return str(answer.read().decode())
    path = folder / name
    return (path if path.exists() else folder / path.name).read_text(encoding="utf-8")


def entries(text: str) -> Iterator[tuple[range, list[str]]]:
    """The lines of a file: the code points, and the fields behind them."""
    for line in text.splitlines():
        first, *fields = (field.strip() for field in line.partition("#")[0].split(";"))
        if fields:
            start, _, end = first.partition("..")
            yield range(int(start, 16), int(end or start, 16) + 1), fields


def _categories(text: str) -> Iterator[tuple[range, str]]:
    """The general categories: UnicodeData.txt has a line for the first and the last of a range."""
    start = 0
    for codes, fields in entries(text.replace("#", "")):
        if fields[0].endswith(", First>"):
            start = codes[0]
        else:
            yield range(start or codes[0], codes[-1] + 1), fields[1]
            start = 0


def kinds(files: dict[str, str]) -> list[str]:
    """The kind of each code point."""
    out = ["."] * (sys.maxunicode + 1)
    for codes, fields in entries(files["auxiliary/GraphemeBreakProperty.txt"]):
        for code in codes:
            out[code] = _BREAKS[fields[0]]
    for codes, fields in entries(files["emoji/emoji-data.txt"]):
        if fields[0] == "Extended_Pictographic":
            for code in codes:
                out[code] = _PICTOGRAPHS[out[code]]
    for codes, fields in entries(files["DerivedCoreProperties.txt"]):
        if fields[0] == "InCB":
            for code in codes:
                out[code] = _CONJUNCTS[out[code], fields[1]]
    for codes, category in _categories(files["UnicodeData.txt"]):
        for code in codes:
            if category == "Lo" and out[code] == ".":
                out[code] = "o"
            elif category == "Mc":
                out[code] = "," if out[code] == "." else out[code].upper()
    return out


def viramas(files: dict[str, str]) -> str:
    """Characters of the two syllabic categories, as a Python literal."""
    wanted = ("Virama", "Invisible_Stacker")
    found = sorted(
        code for codes, fields in entries(files["IndicSyllabicCategory.txt"]) if fields[0] in wanted for code in codes
    )
    return "".join(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}" for code in found)


def module(folder: Path | None = None) -> str:
    """The text of the module."""
    files = {name: read(name, folder) for name in FILES}
    for name in FILES[:1] + FILES[2:4]:
        first = files[name].partition("\n")[0]
        if f"-{VERSION}.txt" not in first:
            raise SystemExit(f"{name} is not of Unicode {VERSION}: {first}")
    starts, letters, code = [], [], 0
    for kind, same in groupby(kinds(files)):
        starts.append(f"0x{code:x},")
        letters.append(kind)
        code += len(list(same))
    parts = [_HEAD, f'VERSION = "{VERSION}"', literal("VIRAMAS", viramas(files)), literal("KINDS", "".join(letters))]
    body = textwrap.fill(" ".join(starts), 120, initial_indent="    ", subsequent_indent="    ")
    return "\n".join([*parts, f"# fmt: off\nSTARTS = (\n{body}\n)\n# fmt: on\n"])


def literal(name: str, text: str) -> str:
    """An assignment of a text with escapes, in several lines."""
    whole = textwrap.wrap(text, _LINE, break_on_hyphens=False)
    at = 0
    while at < len(whole) - 1:  # no escape is cut
        cut = whole[at].rfind("\\")
        if cut > _LINE - 10:
            whole[at], whole[at + 1] = whole[at][:cut], whole[at][cut:] + whole[at + 1]
        at += 1
    return f"{name} = (\n" + "".join(f'    "{line}"\n' for line in whole) + ")"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    MODULE.write_text(module(parser.parse_args().folder), encoding="utf-8")


if __name__ == "__main__":
    main()
