"""Grapheme clusters: the table that is made from Unicode's files, and what joins."""

from __future__ import annotations

import re

import pytest
import wcwidth

from bench.unicode import column_widths
from sesh.vt.breaks import KINDS, STARTS, VERSION
from sesh.vt.column_widths import VERSION as VERSION_OF_WIDTHS
from sesh.vt.emulator import Emulator
from sesh.vt.graphemes import EMOJI, KIND, WIDTH, ZWJ, clusters, columns, expanded, joined
from sesh.vt.render.replay import repaint, replay
from tests.unit.vt.streams import essence


@pytest.mark.skipif(wcwidth.__version__ != VERSION_OF_WIDTHS, reason="the table is made from another wcwidth")
def test_the_widths_are_what_the_script_makes_of_wcwidth() -> None:
    assert column_widths.MODULE.read_text(encoding="utf-8") == column_widths.module()


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


def cells(text: str, columns: int = 20) -> list[str]:
    """What the cells of the first row show, wide ones once, without the blanks behind them."""
    emulator = Emulator(columns, 3)
    emulator.feed(text.encode())
    assert emulator.errors == 0, emulator.last_error
    shown = [cell.data for cell in emulator.screen.buffer[0] if cell.data]
    return shown[: max((at + 1 for at, each in enumerate(shown) if each != " "), default=0)]


#: Clusters of Unicode, and the cells that they are with mode 2027 off.
CLUSTERS = [
    ("\u0e01\u0e33", ["\u0e01", "\u0e33"]),  # SpacingMark
    ("\u0d4e\u0d15", ["\u0d4e", "\u0d15"]),  # Prepend
    ("\u1100\u1100\uac00\u11a8", ["\u1100", "\u1100", "\uac00\u11a8"]),  # Hangul
    ("\u304b\uff9e", ["\u304b", "\uff9e"]),  # Extend
    ("a\U0001f3fb", ["a", "\U0001f3fb"]),
    ("\u0915\u094d\u0301\u0937", ["\u0915\u094d\u0301", "\u0937"]),  # a conjunct with a mark
    ("\u0915\u094d\u200d\u0937", ["\u0915\u094d\u200d\u0937"]),
    ("\U0001f469\u200d\U0001f469", ["\U0001f469\u200d\U0001f469"]),
    ("\U0001f1eb\U0001f1f7", ["\U0001f1eb\U0001f1f7"]),
]


@pytest.mark.parametrize(("cluster", "apart"), CLUSTERS)
def test_with_mode_2027_a_cluster_of_unicode_is_one_cell(cluster: str, apart: list[str]) -> None:
    assert cells(cluster * 2) == apart * 2
    assert cells(f"\x1b[?2027h{cluster * 2}") == [cluster] * 2


@pytest.mark.parametrize("apart", [["\u0b95\u0bcd", "\u0bb7"], ["\u1780\u17d2", "\u1780"]])
def test_with_mode_2027_only_the_conjuncts_of_unicode_16_join(apart: list[str]) -> None:
    assert cells("".join(apart)) == ["".join(apart)]
    assert cells("\x1b[?2027h" + "".join(apart)) == apart


@pytest.mark.parametrize("cluster", [cluster for cluster, _ in CLUSTERS])
@pytest.mark.parametrize("behind", ["", "\x1b[?2027l", "\x1b[4;4H", "\r\n" * 5, "\x1b[?2027l\r\n\u0e33x"])
def test_a_cluster_of_mode_2027_stays_one_through_replay_scrollback_and_state(cluster: str, behind: str) -> None:
    emulator = Emulator(8, 3)
    emulator.feed(f"\x1b[?2027hab{cluster}\x1b[31m{cluster}{behind}".encode())
    copy = Emulator(8, 3)
    copy.feed(replay(emulator))
    assert essence(copy) == essence(emulator)
    copy.feed(repaint(emulator))
    assert essence(copy)["screen"] == essence(emulator)["screen"]
    assert Emulator.from_state(emulator.state()).state() == emulator.state()


def test_a_row_in_which_a_cluster_waits_to_wrap_is_restored_with_mode_2027_on() -> None:
    emulator = Emulator(2, 3)
    emulator.feed("\u1780\u17d2\u1780\x1b[?2027h".encode())
    copy = Emulator(2, 3)
    copy.feed(replay(emulator))
    assert essence(copy) == essence(emulator)
    assert copy.screen.get_mode(2027)


def test_rep_repeats_a_cluster_of_mode_2027() -> None:
    assert cells("\x1b[?2027h\u0e01\u0e33\x1b[3b") == ["\u0e01\u0e33"] * 4
    assert cells("\x1b[?2027h\u0d4e\x1b[2b") == ["\u0d4e\u0d4e\u0d4e"]


@pytest.mark.parametrize(("char", "width"), [("\u0600", 0), ("\u06dd", 0), ("\u3164", 2), ("\u302e", 0)])
def test_widths_are_those_on_which_xterm_and_kitty_agree(char: str, width: int) -> None:
    assert WIDTH[char] == width


def test_a_word_is_laid_out_in_parts_that_join_nothing() -> None:
    ranges = re.findall("(.)-(.)", EMOJI)
    for emoji in (chr(code) for first, last in ranges for code in range(ord(first), ord(last) + 1)):
        assert WIDTH[emoji]
        for last in ("a", "e\u0301", "👩", "👍🏽", "🇫", "क\u094d", "❤\ufe0f", "\u1100"):
            assert not joined(last, 1, emoji)
    words = (
        "👩" + ZWJ + "👩" + ZWJ + "👧👍🏽",
        "ae\u0301中\u0301👍",
        "🇫🇷🇫👩",
        "कक\u094dष👩\u0301",
        "❤\ufe0f👩" + ZWJ + "a",
    )
    for word in words:
        text = columns(word * 9)
        assert expanded(text) == word * 9
        assert len(text) == sum(width for _, width in clusters(word * 9))
