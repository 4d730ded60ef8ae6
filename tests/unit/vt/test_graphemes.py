"""Grapheme clusters: the table that is made from Unicode's files, and what joins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sesh.vt.breaks import KINDS, STARTS, VERSION
from sesh.vt.graphemes import KIND, clusters
from unicode import breaks

#: A folder with the files of the Unicode character database that `unicode.breaks` reads, and GraphemeBreakTest.txt.
DATA = os.environ.get("UNICODE_DATA", "")
needs_data = pytest.mark.skipif(not DATA, reason="UNICODE_DATA names no folder with the files of Unicode")


@needs_data
def test_the_table_is_what_the_script_makes_of_the_files_of_unicode() -> None:
    assert breaks.MODULE.read_text(encoding="utf-8") == breaks.module(Path(DATA))


def test_the_script_reads_files_in_the_form_of_unicode(tmp_path: Path) -> None:
    files = {
        "GraphemeBreakProperty.txt": "# GraphemeBreakProperty-16.0.0.txt\n"
        "0600..0605    ; Prepend # Cf   [6] ARABIC NUMBER SIGN\n094D ; Extend\n0941..0948 ; Extend\n"
        "0903 ; SpacingMark\n",
        "emoji-data.txt": "# emoji-data.txt\n231A ; Emoji_Presentation\n231A..231B ; Extended_Pictographic# E0.6\n",
        "DerivedCoreProperties.txt": "# DerivedCoreProperties-16.0.0.txt\n094D ; InCB; Linker\n"
        "0915..0939 ; InCB; Consonant\n0941..0948 ; InCB; Extend\n0041 ; Alphabetic\n",
        "IndicSyllabicCategory.txt": "# IndicSyllabicCategory-16.0.0.txt\n094D ; Virama\n1039 ; Invisible_Stacker\n"
        "103A ; Pure_Killer\n",
        "UnicodeData.txt": "0903;DEVANAGARI SIGN VISARGA;Mc;0;L;;;;;N;;;;;\n0904;A;Lo;0;L;;;;;N;;;;;\n"
        "4E00;<CJK Ideograph, First>;Lo;0;L;;;;;N;;;;;\n9FFF;<CJK Ideograph, Last>;Lo;0;L;;;;;N;;;;;\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    made: dict[str, object] = {}
    exec(breaks.module(tmp_path), made)  # noqa: S102
    starts, kinds = made["STARTS"], made["KINDS"]
    assert isinstance(starts, tuple)
    assert isinstance(kinds, str)
    assert dict(zip(starts, kinds, strict=True)) == {
        0: ".", 0x600: "p", 0x606: ".", 0x903: "S", 0x904: "o", 0x905: ".", 0x915: "k", 0x93A: ".", 0x941: "e",
        0x949: ".", 0x94D: "l", 0x94E: ".", 0x231A: "g", 0x231C: ".", 0x4E00: "o", 0xA000: ".",
    }  # fmt: skip
    assert made["VIRAMAS"] == "\u094d\u1039"
    (tmp_path / "GraphemeBreakProperty.txt").write_text("# GraphemeBreakProperty-15.1.0.txt\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="not of Unicode 16"):
        breaks.module(tmp_path)


def test_the_table_has_the_kinds_of_unicode_16() -> None:
    assert VERSION == "16.0.0"
    assert len(STARTS) == len(KINDS)
    assert list(STARTS) == sorted(set(STARTS))
    expected = {
        "a": ".", "\0": "c", "\u0301": "e", "\u200c": "n", "\u200d": "z", "\u0600": "p", "\u0d4e": "p", "\u0903": "S",
        "\u0e33": "s", "\u094d": "l", "\u0915": "k", "\u1780": "o", "\u1100": "1", "\u1160": "2", "\u11a8": "3",
        "\uac00": "h", "\u231a": "g", "\U0001f1e6": "r", "\U0001f3fb": "e", "\U0001fae9": "g", "\U000113d0": "e",
        "\u102b": ",", "\u09be": "E",
    }  # fmt: skip
    assert {char: KIND[char] for char in expected} == expected


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("\u1000\u103a\u1000", ["\u1000\u103a", "\u1000"]),  # asat kills the vowel, and joins nothing
        ("\u0e01\u0e3a\u0e01", ["\u0e01\u0e3a", "\u0e01"]),
        ("\u1780\u17d2\u1780", ["\u1780\u17d2\u1780"]),
        ("\U000113d0\u0301", []),
    ],
)
def test_viramas_join_letters_and_marks_that_only_kill_a_vowel_do_not(text: str, cells: list[str]) -> None:
    assert [cell for cell, _ in clusters(text)] == cells
