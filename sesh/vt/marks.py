"""Prompt marks (OSC 133, FinalTerm's semantic prompts): where a prompt, input and output begin, and output ends.

Terminals jump from prompt to prompt by them. A row holds its marks as (column, body), in the order of the columns: A (a
prompt begins) at the first column of a line, as some terminals go to a fresh line where they get one elsewhere; B
(input), C (output) and D (its end) where they came. In an encoded text (see `cell`) they stand in place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sesh.vt.cell import BLANK, Cell, Encoder, decode, encode
from sesh.vt.grammar import MARK_START

Mark = tuple[int, str]
Marks = tuple[Mark, ...]
"""A mark of a row: column and body (`A;cl=m`). A mark of a line: the same, with the cells before it."""

_PARAMETER = re.compile(r"(?!cmdline|sesh=)[A-Za-z_]{1,16}=[!-:<-~]{0,32}\Z")
"""Parameters that are kept, at most _PARAMETERS of a mark. Not the command line: it is long, and nothing is drawn of
it."""
_CODE = re.compile(r"-?[0-9]{1,10}\Z")
_PARAMETERS = 4
_MOST = 32
"""Marks of a row."""
REPLAYED = "sesh=replay"
"""Parameter that a replay adds to C and D: the session in which they are shown must not take a command for begun or
ended."""
_COMMAND = re.compile(r"\x1b\]133;([CD])([^\x1b]*)\x1b\\")


def parsed(text: str) -> str:
    """Return the body of a mark in the form that is kept, from all after `133;`; "" if it is no mark."""
    letter, *parameters = text[:2048].split(";", 64)
    if letter == "D":
        return ";".join([letter, *filter(_CODE.match, parameters[:1])])
    if letter not in ("A", "B", "C"):
        return ""
    return ";".join([letter, *list(filter(_PARAMETER.match, parameters))[:_PARAMETERS]])


def with_mark(marks: Marks, column: int, body: str) -> Marks:
    """The marks of a row with one more, in place of one of its letter in its column."""
    others = [mark for mark in marks if mark[0] != column or mark[1][0] != body[0]]
    return tuple(sorted([*others, (column, body)], key=lambda mark: mark[0])) if len(others) < _MOST else marks


def within_line(marks: Marks) -> Marks:
    """The marks of a row that goes on with the line of the row above from now on: none is before its first cell."""
    return tuple((max(column, 1), body) for column, body in marks if body[0] != "A")


def write(encoder: Encoder, cells: Sequence[Cell], marks: Sequence[Mark], *, ends: bool = True) -> None:
    """Write cells with marks in place. `ends`: they are the end of a line, and blanks lead to a mark after them."""
    start = 0
    if ends and marks and marks[-1][0] > len(cells):
        cells = [*cells, *[BLANK] * (marks[-1][0] - len(cells))]
    placed: dict[tuple[int, str], str] = {}
    for wanted, body in marks:
        column = min(wanted, len(cells))
        column += 0 < column < len(cells) and not cells[column].data  # not between halves
        placed.pop((column, body[0]), None)
        placed[column, body[0]] = body
    for (column, _), body in placed.items():
        encoder.cells(cells[start:column])
        encoder.parts.append(f"{MARK_START}{body}\x1b\\")  # characters may join across it
        start = column
    encoder.cells(cells[start:])


def unmarked(text: str) -> str:
    """An encoded line without marks, and without blanks before them at its end."""
    if MARK_START not in text:
        return text
    cells = decode(text)
    while cells and cells[-1] == BLANK:
        cells.pop()
    return encode(cells)


def to_replay(text: str) -> str:
    """Return the marks that a replay sends: C and D say that they are replayed, and D does not come without C, for it
    would end the command that runs in the terminal."""
    if MARK_START not in text:
        return text
    first = text.find(f"{MARK_START}C")

    def changed(match: re.Match[str]) -> str:
        letter, rest = match.groups()
        if letter == "D":
            if not 0 <= first < match.start():
                return ""
            rest = rest or ";"
        return f"{MARK_START}{letter}{rest};{REPLAYED}\x1b\\"

    return _COMMAND.sub(changed, text)
