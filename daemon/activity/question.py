"""The words that a session asks: the row of the cursor or, where that says nothing, the last rows above it. Pure.

They are taken from the end of the output as long as that is text, and from the screen where a program that reads keys
has moved the cursor about. The grammar of sequences is that of `vt.grammar`: seven-bit controls, C1 means nothing.
"""

from __future__ import annotations

import re

from sesh.daemon.activity.rules import MAX_QUESTION

_MOST_ROWS, _GAP = 8, 2
"""Rows of a question, and the empty ones that end it."""
_FRAME = "".join(map(chr, range(0x2500, 0x25A0))) + " |\t"
"""Box drawing and blocks: what menus and composers are framed with."""

_STRING = re.compile(
    rb"\x1b(?:\][^\x07\x18\x1a\x1b]*(?:[\x07\x18\x1a]|\x1b\\)?|[PX^_][^\x18\x1a\x1b]*(?:[\x18\x1a]|\x1b\\)?)"
)
"""OSC, which BEL ends too; DCS, SOS, PM and APC; an unfinished one up to the end."""
_STRING_END = b"\x1b\\"
_SILENT = re.compile(
    rb"\x1b\[[0-9;:]*[mK]|\x1b\[\?[0-9;]*[hl]|\x1b[()][0-~]|\x1b[=>]|[\x00\x07\x0e\x0f\x7f]|\x1b(?=\x1b)"
)
"""What moves no cursor: pens, modes, charsets, bells."""
_OTHER = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|.)")


def in_output(tail: bytes, *, line: bool, cut: bool = False) -> str | None:
    """The question at the end of the output; None if only the screen has it.

    `line`: the program reads a line, and so the words behind the last movement of the cursor are the question. `cut`:
    the output begins before `tail`, which therefore counts from its first line feed on.
    """
    *above, row = _lines(tail, cut=cut)
    row = row.rpartition(b"\r")[2]
    if line:
        parts = [_text(part) for part in _OTHER.split(row)]
        return in_rows([*map(_row, above), next(filter(_says, reversed(parts)), parts[-1])])
    words = _text(row).strip()
    return words[-MAX_QUESTION:] if words.isprintable() and _says(words) else None


def last_row(tail: bytes, *, cut: bool = False, whole: bool = False) -> str:
    """The last row of the output that says anything; empty if none does. `whole`: only rows that are ended count."""
    rows = map(_row, reversed(_lines(tail, cut=cut)[: -1 if whole else None]))
    return next(filter(_says, map(_words, rows)), "")[:MAX_QUESTION]


def _lines(tail: bytes, *, cut: bool) -> list[bytes]:
    """The lines at the end of the output, without strings and what moves no cursor."""
    text = _STRING.sub(b"", tail.partition(b"\n")[2] if cut else tail)
    return _SILENT.sub(b"", text.rpartition(_STRING_END)[2]).split(b"\n")


def _row(line: bytes) -> str:
    """A line as it stands: what was written over, and what moved the cursor, are gone."""
    return _text(_OTHER.sub(b"", line.rstrip(b"\r").rpartition(b"\r")[2]))


def in_rows(rows: list[str]) -> str:
    """The question of a screen's rows down to the cursor's: that one, or the last above it that say anything."""
    words = _words(rows[-1]) if rows else ""
    if _says(words):
        return words[-MAX_QUESTION:]
    found: list[str] = []
    empty = room = 0
    for row in reversed(rows[:-1]):
        above = _words(row)
        empty = 0 if above else empty + 1
        room += len(above) + 1
        if found and (empty == _GAP or room > MAX_QUESTION):
            break
        if above:
            found.append(above)
        if len(found) == _MOST_ROWS:
            break
    return " ".join(reversed(found))[-MAX_QUESTION:] or words[-MAX_QUESTION:]


def _says(words: str) -> bool:
    """Returns whether these are more than a mark, such as `>`."""
    return any(map(str.isalnum, words))


def _words(row: str) -> str:
    """A row's words, without the frame around them; empty if a control is among them."""
    words = row.strip(_FRAME)
    return words if words.isprintable() else ""


def _text(row: bytes) -> str:
    return row.decode("utf-8", "replace")
