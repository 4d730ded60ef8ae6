"""The words that a session asks: the row of the cursor or, where that says nothing, the last rows above it. Pure.

A program that reads lines has printed them: they are the end of its output since the last line was entered. One that
draws a screen has them on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from sesh.daemon.activity.rules import MAX_QUESTION

_MOST_ROWS, _BELOW, _ABOVE = 16, 2, 3
"""Rows at the end in which a question is looked for; empty ones that end the menu below it, and the rows above one."""
_ASKS = re.compile(r"[^\s?](?:[?\uff1f][\"')\u201d]*(?:\s|$)|[ \xa0\u202f][?\uff1f]$)")
"""The end of a question, in the row in which it is taken to stand; French has a space before its mark."""
_FRAME = "".join(map(chr, range(0x2500, 0x25A0))) + " |\t"
"""Box drawing and blocks: what menus and composers are framed with."""

_STRING = re.compile(
    rb"\x1b(?:\][^\x07\x18\x1a\x1b]*(?:[\x07\x18\x1a]|\x1b\\)?|[PX^_][^\x18\x1a\x1b]*(?:[\x18\x1a]|\x1b\\)?)"
)
"""OSC, which BEL ends too; DCS, SOS, PM and APC; an unfinished one up to the end."""
_FRESH = re.compile(rb"\x1b(?:\]133;C[^\x07\x1b]*(?:\x07|\x1b\\)|\[\?1049[hl]|\[2J|\[H\x1b\[0?J|c)")
"""What no question stands above: the begin of a command, another screen, an empty one."""
_PLACED = re.compile(rb"\x1b\[[0-9;]*[Hf]")
"""Cursor positioning (CUP, HVP): the program draws a screen, not lines."""
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])?|[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")


def in_output(output: bytes, *, entered: int = 0, cut: bool = False) -> str:
    """The question at the end of the output, whose first lines are so many that were `entered`.

    `cut`: it is the end of more, and so counts from its first line on.
    """
    fresh = max((start.end() for start in _FRESH.finditer(output)), default=0)
    lines = entered or int(cut and b"\n" in output)
    text = output[fresh:] if fresh else output.split(b"\n", lines)[-1]
    rows = [words_of(_row(line)) for line in _lines(text)]
    return in_rows(rows, len(rows) - 1)


def last_row(output: bytes, *, cut: bool = False, whole: bool = False) -> str:
    """The last row of the output that says anything; empty if none does, or if a screen is drawn there.

    `whole`: only rows that are ended count. `cut`: as for `in_output`.
    """
    for line in reversed(_lines(output)[int(cut and b"\n" in output) : -1 if whole else None]):
        if _says(words := words_of(_row(line))):
            return "" if _PLACED.search(line) else words[:MAX_QUESTION]
    return ""


def in_rows(words: list[str], cursor: int | None, known: Collection[str] = ()) -> str:
    """The question of rows of which these are the words; the cursor stands in that of this number; None: hidden.

    If one of the last rows asks, the question is that row and the menu below it; else the last rows that say anything.
    `known`: what stood there before, which asks nothing.
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
    """The first rows that are not empty, up to so many empty ones."""
    found: list[str] = []
    empty = 0
    for row in rows:
        empty = 0 if row else empty + 1
        if found and empty == gap:
            break
        found += [row] if row else []
    return found


def words_of(row: str) -> str:
    """A row's words, without the frame around them; empty if a control is among them."""
    words = row.strip(_FRAME)
    return words if words.isprintable() else ""


def _lines(output: bytes) -> list[bytes]:
    """The lines of the output, without strings for the terminal."""
    return _STRING.sub(b"", output).split(b"\n")


def _row(line: bytes) -> str:
    """A line as it stands: what was written over, and what moved the cursor, are gone."""
    return _SEQUENCE.sub(b"", line.rstrip(b"\r").rpartition(b"\r")[2]).decode("utf-8", "replace")


def _says(words: str) -> bool:
    """Returns whether these are more than a mark, such as `>`."""
    return any(map(str.isalnum, words))
