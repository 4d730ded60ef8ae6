"""The words that a session asks: the line of the cursor or, where that says nothing, the last ones above it.

A program that reads lines asks in those since the last line was entered. One that draws a screen has the words
anywhere on it, and asks in rows that were not there when it began to work.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from sesh.daemon.activity.rules import MAX_QUESTION
from sesh.vt.emulator import Emulator
from sesh.vt.reflow import unwrap

_MOST_ROWS, _BELOW, _ABOVE = 16, 2, 3
"""Rows at the end in which a question is looked for; empty ones that end the menu below it, and the rows above one."""
_ASKS = re.compile(r"[^\s?](?:[?\uff1f][\"')\u201d]*(?:\s|$)|[ \xa0\u202f][?\uff1f]$)")
"""The end of a question, in the row in which it is taken to stand; French has a space before its mark."""
_FRAME = "".join(map(chr, range(0x2500, 0x25A0))) + " |\t"
"""Box drawing and blocks: the frames of menus and composers."""


def cursor_line(emulator: Emulator) -> int:
    """Return the number of the cursor's line, counted from the session's first."""
    return emulator.scrolled + len(_lines(emulator))


def in_lines(emulator: Emulator, entered: int) -> str:
    """Return the question of a program that reads lines; `entered`: the number of the line that was entered last.

    Where the cursor stands above that line, the screen was cleared, and all on it is new.
    """
    lines = _lines(emulator)
    old = entered - emulator.scrolled
    words = lines if old > len(lines) else lines[max(0, min(old, len(lines) - 1)) :]
    return in_rows(words, len(words) - 1)


def on_screen(emulator: Emulator, known: Collection[str]) -> str:
    """Return the question on a screen, on which the rows with these words ask nothing."""
    return in_rows(words_on(emulator), None if emulator.screen.cursor.hidden else emulator.cursor[0], known)


def last_line(emulator: Emulator, *, begun: bool) -> str:
    """Return the last line above or at the cursor that says anything, without one that is `begun` at a prompt.

    Empty on the alternate screen, on which lines have no order in time.
    """
    lines = [] if emulator.alternate else _lines(emulator)
    return next((line[:MAX_QUESTION] for line in reversed(lines[: -1 if begun else None]) if _says(line)), "")


def words_on(emulator: Emulator) -> list[str]:
    return [words_of(row.plain()) for row in emulator.screen.rows]


def _lines(emulator: Emulator) -> list[str]:
    return [words_of(line.plain()) for line in unwrap(emulator.screen.rows[: emulator.cursor[0] + 1])[0]]


def in_rows(words: list[str], cursor: int | None, known: Collection[str] = ()) -> str:
    """Return the question of rows with these words; `cursor`: the number of its row, None if it is hidden.

    If one of the last rows asks, the question is that row and the menu below it; else the last rows that say anything.
    """
    rows = [row if _says(row) and row not in known else "" for row in words]
    if cursor is not None and rows[cursor]:
        return rows[cursor][-MAX_QUESTION:]
    last = [index for index, row in enumerate(rows) if row][-_MOST_ROWS:]
    asks = next((index for index in reversed(last) if _ASKS.search(rows[index])), None)
    if asks is not None:
        return " ".join(_paragraph(rows[asks:], _BELOW))[:MAX_QUESTION]
    above = " ".join(reversed(_paragraph(reversed(rows), _ABOVE))) or (words[cursor] if cursor is not None else "")
    return above[-MAX_QUESTION:]


def _paragraph(rows: Iterable[str], gap: int) -> list[str]:
    """Return the first rows that are not empty, up to so many empty ones."""
    found: list[str] = []
    empty = 0
    for row in rows:
        empty = 0 if row else empty + 1
        if found and empty == gap:
            break
        found += [row] if row else []
    return found


def words_of(row: str) -> str:
    """Return a row's words, without the frame around them; empty if a control is among them."""
    words = row.strip(_FRAME)
    return words if words.isprintable() else ""


def _says(words: str) -> bool:
    return any(map(str.isalnum, words))
