"""Finds the question on a screen: the cursor's line, or else the last lines above.

A program that reads lines has printed its question since the last line was entered. A full-screen program may ask
anywhere; rows that were shown before it began to work are skipped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from sesh.daemon.activity.rules import MAX_QUESTION
from sesh.vt.emulator import Emulator
from sesh.vt.reflow import unwrap

_MAX_ROWS = 16  # the last rows with words, in which a question mark is searched
_MENU_GAP = 2  # empty rows that end the menu below a question
_TEXT_GAP = 3  # empty rows that end the text above the cursor
_ASKS = re.compile(r"[^\s?](?:[?\uff1f][\"')\u201d]*(?:\s|$)|[ \xa0\u202f][?\uff1f]$)")
"""The end of a question; French has a space before the question mark."""
_FRAME = "".join(map(chr, range(0x2500, 0x25A0))) + " |\t"
"""Box drawing and block characters: the frames of menus and input boxes."""


def cursor_line(emulator: Emulator) -> int:
    """Return the number of the cursor's line, counted from the session's first line."""
    return emulator.scrolled + len(_lines(emulator))


def in_lines(emulator: Emulator, entered: int) -> str:
    """Return the question after line number `entered`, the last entered one."""
    # If the cursor is above that line, the screen was cleared, and all lines on it are new.
    lines = _lines(emulator)
    old = entered - emulator.scrolled
    words = lines if old > len(lines) else lines[max(0, min(old, len(lines) - 1)) :]
    return in_rows(words, len(words) - 1)


def on_screen(emulator: Emulator, known: Iterable[str]) -> str:
    """Return the question on a screen; ignore each row of `known` once."""
    return in_rows(words_on(emulator), None if emulator.screen.cursor.hidden else emulator.cursor[0], known)


def last_line(emulator: Emulator, *, begun: bool) -> str:
    """Return the last line with words, without the cursor's line if `begun`."""
    if emulator.alternate:  # its rows are not in order of time
        return ""
    lines = _lines(emulator)
    if begun:
        lines = lines[:-1]
    return next((line[:MAX_QUESTION] for line in reversed(lines) if _has_words(line)), "")


def words_on(emulator: Emulator) -> list[str]:
    return [words_of(row.trimmed_text()) for row in emulator.screen.rows]


def _lines(emulator: Emulator) -> list[str]:
    return [words_of(line.trimmed_text()) for line in unwrap(emulator.screen.rows[: emulator.cursor[0] + 1])]


def in_rows(words: list[str], cursor: int | None, known: Iterable[str] = ()) -> str:
    """Return the question in rows; `cursor`: the index of the cursor's row, None if hidden.

    The question is the cursor's row, if that has words; else the last row with a question mark, and the menu below it;
    else the last rows with words.
    """
    old = Counter(known)
    rows = []
    for row in words:
        old[row] -= 1
        rows.append(row if old[row] < 0 and _has_words(row) else "")
    if cursor is not None and rows[cursor]:
        return rows[cursor][-MAX_QUESTION:]
    last = [index for index, row in enumerate(rows) if row][-_MAX_ROWS:]
    asks = next((index for index in reversed(last) if _ASKS.search(rows[index])), None)
    if asks is not None:
        return " ".join(_paragraph(rows[asks:], _MENU_GAP))[:MAX_QUESTION]
    above = _paragraph(reversed(rows), _TEXT_GAP)[::-1]
    if not above and cursor is not None:
        above = [words[cursor]]
    return " ".join(above)[-MAX_QUESTION:]


def _paragraph(rows: Iterable[str], gap: int) -> list[str]:
    """Return the first rows that are not empty, up to `gap` empty rows after them."""
    found: list[str] = []
    empty = 0
    for row in rows:
        empty = 0 if row else empty + 1
        if found and empty == gap:
            break
        if row:
            found.append(row)
    return found


def words_of(row: str) -> str:
    """Return a row's words without their frame; empty if there is a control character."""
    words = row.strip(_FRAME)
    return words if words.isprintable() else ""


def _has_words(words: str) -> bool:
    return any(map(str.isalnum, words))
