"""TOML with the place (line and column) of every key, which the interpreter's own reader does not tell.

The reader decides what is TOML and what it means; then the text is walked once more, for the places alone.
"""

from __future__ import annotations

import re
import sys

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Path = tuple[str, ...]
Place = tuple[int, int]

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)$")
_END = " (at end of document)"
_TOKEN = re.compile(
    r"""
    \#[^\n]*                          # a comment
    | (?P<text>
        \"{3}(?:\\?.)*?(?:\"{3,5}|\Z)    # also one without an end, which would be looked through again and again
        | '{3}.*?(?:'{3,5}|\Z)
        | "(?:\\.|[^"\\\n])*"?
        | '[^'\n]*'?
        | [A-Za-z0-9_-]+
      )
    | [\[\]{}=,\n]
    """,
    re.DOTALL | re.VERBOSE,
)


class InvalidToml(ValueError):
    """The text is not TOML: `str(error)` says why; `place`: its line and column."""

    def __init__(self, reason: str, place: Place) -> None:
        super().__init__(reason)
        self.place = place


def read(text: str) -> tuple[dict[str, object], dict[Path, Place]]:
    """The tables of a TOML text, and the place of each key by its path: line and column, both from 1, in characters.

    A table that several lines open has the place of the first. Raises InvalidToml; ImportError on Python 3.10 without
    the package tomli.
    """
    try:
        tables = tomllib.loads(text)
    except RecursionError as error:
        raise InvalidToml("nested too deeply", (1, 1)) from error
    except ValueError as error:
        message = str(error)
        if match := _PLACE.search(message):
            raise InvalidToml(message[: match.start()].rstrip(), (int(match[1]), int(match[2]))) from error
        lines = text.split("\n")
        reason = f"{message[: -len(_END)]} at the end of the file" if message.endswith(_END) else message
        raise InvalidToml(reason, (len(lines), len(lines[-1]) + 1)) from error
    return tables, _places(text)


def _places(text: str) -> dict[Path, Place]:
    """The places of the keys in a text that is known to be TOML."""
    places: dict[Path, Place] = {}
    table: Path = ()
    key: Path = ()
    """The key that is being read, or whose value is."""
    in_key = True
    opened: list[tuple[str, Path]] = []
    """The open brackets around a value, each with the key of its array or table."""
    line, line_start = 1, 0
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if in_key and match["text"]:
            key = (*key, _key(mark))
            places.setdefault(key, (line, match.start() - line_start + 1))
        elif mark == "\n" and not opened:
            key, in_key = table, True
        elif mark == "=":
            in_key = False
        elif mark == "[" and in_key:  # a header
            key = ()
        elif mark == "]" and in_key:
            table, in_key = key, False
        elif mark in ("[", "{"):
            opened.append((mark, key))
            in_key = mark == "{"
        elif mark in ("]", "}") and opened:
            _, key = opened.pop()
            in_key = False
        elif mark == ",":
            bracket, key = opened[-1]
            in_key = bracket == "{"
        if "\n" in mark:
            line, line_start = line + mark.count("\n"), match.start() + mark.rfind("\n") + 1
    return places


def _key(token: str) -> str:
    if token[:1] == '"' and "\\" in token:
        return str(tomllib.loads(f"key = {token}")["key"])
    return token.strip("\"'")
