"""JSON with comments, changed in place: all other bytes stay, and what was put in is taken out without a trace.

A container that was empty before gets one blank before its first item; no blank: it came with the item.
"""

from __future__ import annotations

import json
import re

_COMMENT = re.compile(r'"(?:\\.|[^"\\])*(?:"|\Z)|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_BETWEEN = re.compile(r"[\s,:]*")
_SPACE = " \t\r\n"


def read(text: str) -> object:
    """The value of a text. Raises ValueError."""
    try:
        return json.loads(_bare(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _bare(text: str) -> str:
    """The text with blanks for its comments: each character keeps its place."""

    def bare(match: re.Match[str]) -> str:
        word = match[0]
        return " " * len(word) if word[:2] == "//" or (word[:2] == "/*" and word[-2:] == "*/" and word[3:]) else word

    return _COMMENT.sub(bare, text)


def root(text: str) -> int:
    """Where the outermost value begins."""
    return len(text) - len(_bare(text).lstrip())


def items(text: str, at: int) -> list[tuple[str, int, int, int]]:
    """The items of the container that begins at `at`: key (none in an array), start, start of the value, end."""
    bare, found, end, decode = _bare(text), [], at + 1, json.JSONDecoder().raw_decode
    while bare[start := _after(bare, end)] not in "]}":
        key, value = "", start
        if bare[at] == "{":
            key, value = decode(bare, start)
            value = _after(bare, value)
        end = decode(bare, value)[1]
        found.append((key, start, value, end))
    return found


def _after(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def space(text: str, at: int) -> str:
    """What would stand before one more item of a container: what stands before its last one."""
    inner = items(text, at)
    before = text[: inner[-1][1]] if inner else " "
    return before[len(before.rstrip(_SPACE)) :]


def insert(text: str, at: int, item: str) -> str:
    """The text with one more item at the end of a container."""
    inner = items(text, at)
    end = inner[-1][3] if inner else at + 1
    return f"{text[:end]}{',' if inner else ''}{space(text, at)}{item}{text[end:]}"


def cut(text: str, at: int, index: int) -> str:
    """The text without an item of a container; comments beside it stay."""
    inner, bare = items(text, at), _bare(text)
    _, start, _, end = inner[index]
    if index:
        comma = bare.index(",", inner[index - 1][3])
        return text[:comma] + _comments(text[comma + 1 : start]) + text[end:]
    if inner[1:]:
        comma, after = bare.index(",", end), inner[1][1]
        return text[:start] + _comments(text[end:comma] + text[comma + 1 : after]) + text[after:]
    return text[: at + 1 if came_first(text, at) else start] + text[end:]


def came_first(text: str, at: int) -> bool:
    """Returns whether a container of one item was there before it."""
    return text[at + 1 : items(text, at)[0][1]] == " "


def _comments(text: str) -> str:
    return text if text.strip(_SPACE) else ""
