"""The words that a session asks: the row of the cursor or, where that says nothing, the last rows above it. Pure.

They are taken from the end of the output as long as that is text, and from the screen where a program that reads keys
has moved the cursor about; in any case from what was printed since the last line was entered. The grammar of sequences
is that of `vt.grammar`: seven-bit controls, C1 means nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise

from sesh.daemon.activity.rules import MAX_QUESTION
from sesh.vt.graphemes import cells

_MOST_ROWS, _GAP = 8, 2
"""Rows of a question, and the empty ones that end it."""
_LAST = 16
"""Rows at the end of a screen in which its question is looked for."""
_ASKS = re.compile(r"[^\s?](?:[?\uff1f][\"')\u201d]*(?:\s|$)|[ \xa0\u202f][?\uff1f]$)")
"""The end of a question, in the row in which it is taken to stand; French has a space before its mark."""
_POINTER = "[>\u00bb\u203a\u2192\u25b6\u25b8\u25ba\u25c9\u25cf\u276f\u279c\u27a4]"
_POINTED = re.compile(rf"{_POINTER}\s*\S")
_NUMBERED = re.compile(rf"(?:{_POINTER}\s*)?(?:\[\w\]|\(\w\)|\d{{1,2}}[.)])\s+\S")
_KEY = re.compile(r"\[(\w)\]\s+\S")
"""The entry of a menu at which its pointer stands, one with a number or a letter, and one named by its key."""
_USE_ARROWS = re.compile(r"^\?\s.*\b(?i:use arrows?\b)")
"""A marked question that names its keys."""
_ARROW = re.compile(r"[\u2190-\u2193\u21c4-\u21c6\u25b2\u25bc]")
_ENTER = re.compile(r"\b(?i:enter|return)\b|[\u21b5\u23ce]")
"""Keys that the row below a menu names: both."""
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
_FRESH_START = re.compile(
    rb"\x1b(?:\]133;C[^\x07\x18\x1a\x1b]*(?:\x07|\x1b\\)|\[\?(?:47|1047|1049)[hl]|\[2J|\[H\x1b\[0?J|c)", re.DOTALL
)
"""What no question stands above: the begin of a command (OSC 133), another screen, an empty one."""
_MOVE = re.compile(rb"[\n\v\f]|\x1b(?:\[([0-9]*)([ABEFe])|\[[0-9;]*([HfdrST])|([78DEM]))")
"""What moves the cursor to another row: by a number of rows; or to one that only the screen knows."""
_PLACED = re.compile(rb"\x1b\[[0-9;]*[Hf]")
"""Cursor positioning (CUP, HVP): the program draws a screen, not lines."""
_PIECE = re.compile(r"[\t\b]|[^\t\b]+")


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
    """The last row of the output that says anything; empty if none does, or if a screen is drawn there.

    `whole`: only rows that are ended count.
    """
    for line in reversed(_lines(tail, cut=cut)[: -1 if whole else None]):
        if _says(words := words_of(_row(line))):
            return "" if _PLACED.search(line) else words[:MAX_QUESTION]
    return ""


def fresh_part(output: bytes) -> bytes | None:
    """The output behind the last of what no question stands above; None if there is none of it."""
    end = max((start.end() for start in _FRESH_START.finditer(output)), default=-1)
    return output[end:] if end >= 0 else None


def bare_mark(tail: bytes) -> str:
    """The last row of the output if it is a mark such as `#?`; empty if it says more."""
    words = words_of(_row(_lines(tail, cut=False)[-1]))
    return "" if _says(words) else words


def rows_written(output: bytes, columns: int, entered: int, most: int) -> int | None:
    """Rows up from the cursor's that the output wrote, at most the `most` of a screen; None if only that can tell.

    Its first rows, ended by so many line feeds, are those in which lines were `entered`: they do not count, unless what
    came before them was written over.
    """
    text = _SILENT.sub(b"", _STRING.sub(b"", output))
    row = top = end = 0
    for move in _MOVE.finditer(text):
        row += _wraps(text[end : move.start()], columns, most)
        if entered <= 0 and row - top >= most:
            return most
        end = move.end()
        count, direction, placed, other = move.groups()
        if placed or other:
            return None
        if direction:
            number = int(count[:4] or 1) or 1
            row += -number if direction in b"AF" else number
        else:
            row += 1
            entered -= 1
            if not entered and top == 0:
                top = row
        top = min(top, row)
    return min(most, row + _wraps(text[end:], columns, most) - top + 1)


def _wraps(text: bytes, columns: int, most: int) -> int:
    """Rows by which a text without movements to another row goes on below its first; `most` of them are enough."""
    if len(text) <= columns and b"\t" not in text:  # no character has more columns than bytes
        return 0
    return sum(_wraps_of_part(part, columns, most) for part in _text(_OTHER.sub(b"", text)).split("\r"))


def _wraps_of_part(text: str, columns: int, most: int) -> int:
    """The same for text without CR: by the widths of its graphemes, with a tab stop each eight columns."""
    if text.isascii() and "\t" not in text and "\b" not in text:
        return max(0, len(text) - 1) // columns
    if 8 * len(text) <= columns:  # a tab takes no more
        return 0
    rows = column = 0
    for piece in _PIECE.findall(text):
        if rows >= most:
            break
        if piece == "\t":
            column = max(column, min(columns - 1, column // 8 * 8 + 8))
        elif piece == "\b":
            column = max(0, min(column, columns - 1) - 1)
        else:
            halves = cells(piece[: columns * (most + 1)])
            for width in (1 + (after == "") for cell, after in pairwise([*halves, " "]) if cell):
                rows, column = (rows + 1, width) if column + width > columns else (rows, column + width)
    return rows


def _lines(tail: bytes, *, cut: bool) -> list[bytes]:
    """The lines at the end of the output, without strings and what moves no cursor."""
    text = _STRING.sub(b"", tail.partition(b"\n")[2] if cut else tail)
    return _SILENT.sub(b"", text.rpartition(_STRING_END)[2]).split(b"\n")


def _row(line: bytes) -> str:
    """A line as it stands: what was written over, and what moved the cursor, are gone."""
    return _text(_OTHER.sub(b"", line.rstrip(b"\r").rpartition(b"\r")[2]))


def in_rows(rows: list[str]) -> str:
    """The question of a screen's rows down to the cursor's: that row, or, if it is empty, the last ones above that say
    anything. If one of those asks, the question begins there."""
    words = words_of(rows[-1]) if rows else ""
    if _says(words):
        return words[-MAX_QUESTION:]
    above: list[str] = []
    empty = room = 0
    for row in reversed(rows[:-1]):
        text = words_of(row)
        empty = 0 if text else empty + 1
        room += len(text) + 1
        if above and (empty == _GAP or room > MAX_QUESTION):
            break
        if text:
            above.append(text)
        if len(above) == _MOST_ROWS or (text and _ASKS.search(text)):
            break
    return " ".join(reversed(above))[-MAX_QUESTION:] or words[-MAX_QUESTION:]


def in_new_rows(words: list[str], cursor: str = "", known: frozenset[str] = frozenset()) -> str:
    """The question of a screen that a program has drawn, from its rows' `words`, and those at a visible cursor.

    `known`: what stood there before, which asks nothing. Where one of the last new rows asks, the question goes on from
    there to the end of the menu below it.
    """
    if _says(cursor) and cursor not in known:
        return cursor[-MAX_QUESTION:]
    new = ["" if row in known else row for row in words]
    last = [index for index, row in enumerate(new) if row][-_LAST:]
    asks = [index for index in last if _ASKS.search(new[index])]
    if asks:
        menu, empty = "", 0
        for row in new[asks[-1] :]:
            empty = 0 if row else empty + 1
            if empty == _GAP:
                break
            menu += f" {row}" if row else ""
        return menu.strip()[:MAX_QUESTION]
    return " ".join([row for row in new if row][-_MOST_ROWS:])[-MAX_QUESTION:] or in_rows([*words, ""])


def offers(words: list[str], known: frozenset[str] = frozenset()) -> bool:
    """Returns whether rows of a screen, but those `known`, are a menu: numbered with a pointer, below a question with a
    pointer or with keys, or beside a row that names its keys."""
    rows = ["" if row in known else row for row in words]
    for index, (row, below) in enumerate(zip(rows, [*rows[1:], ""], strict=True)):
        pointed = below and _POINTED.match(row)
        named = (_ARROW.search(row) and _ENTER.search(row)) or _USE_ARROWS.search(row)
        if named or (pointed and _NUMBERED.match(row) and _NUMBERED.match(below)):
            return True
        keyed = len(set(_KEY.findall(f"{row} {below}"))) > 1
        if (pointed or keyed) and any(map(_ASKS.search, rows[max(0, index - _MOST_ROWS) : index])):
            return True
    return False


def _says(words: str) -> bool:
    """Returns whether these are more than a mark, such as `>`."""
    return any(map(str.isalnum, words))


def words_of(row: str) -> str:
    """A row's words, without the frame around them; empty if a control is among them."""
    words = row.strip(_FRAME)
    return words if words.isprintable() else ""


def _text(row: bytes) -> str:
    return row.decode("utf-8", "replace")
