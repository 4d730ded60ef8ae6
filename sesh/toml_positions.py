"""TOML with the place of every key, which the interpreter's own reader does not tell.

The reader decides what is TOML and what it means; only then is the text walked once more, for the places alone.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Path = tuple[str, ...]
    Place = tuple[int, int]

_AT = re.compile(r"\(at line (\d+), column (\d+)\)$")
_END = " (at end of document)"
_BLANK = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")
_BLANK_IN_LINE = re.compile(r"[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_REST = re.compile(r"[^\n]*")
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")


class Malformed(ValueError):
    """The text is not TOML: `str(error)` says why, `place` where."""

    def __init__(self, reason: str, place: Place) -> None:
        super().__init__(reason)
        self.place = place


def read(text: str) -> tuple[dict[str, object], dict[Path, Place]]:
    """The tables of a TOML text, and the place of each key by its path: line and column, both from 1, in characters.

    A table that several lines open has the place of the first. Raises Malformed; ImportError on Python 3.10 without
    the package tomli.
    """
    loads = _reader()
    try:
        tables = loads(text)
    except RecursionError as error:
        raise Malformed("nested too deeply", (1, 1)) from error
    except ValueError as error:
        raise _malformed(str(error), text) from error
    return tables, _Walk(text).places


def _reader() -> Callable[[str], dict[str, object]]:
    """`tomllib.loads`, or the same of the package that it was taken from."""
    try:
        import tomllib as reader
    except ImportError:
        import tomli as reader
    loads: Callable[[str], dict[str, object]] = reader.loads
    return loads


def _malformed(message: str, text: str) -> Malformed:
    found = _AT.search(message)
    if found:
        return Malformed(message[: found.start()].rstrip(), (int(found[1]), int(found[2])))
    lines = text.split("\n")
    reason = f"{message[: -len(_END)]} at the end of the file" if message.endswith(_END) else message
    return Malformed(reason, (len(lines), len(lines[-1]) + 1))


class _Walk:
    """One way through a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.places: dict[Path, Place] = {}
        self._at = 0
        self._line, self._line_start = 1, 0
        table: Path = ()
        while not self._skip(_BLANK):
            if self.text[self._at] == "[":
                self._at += 2 if self.text.startswith("[[", self._at) else 1
                table = self._key(())
                self._skip(_REST)
            else:
                self._pair(table)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Passes what matches; whether that was all of the text."""
        found = pattern.match(self.text, self._at)
        self._at = found.end() if found else self._at
        return self._at == len(self.text)

    def _here(self) -> Place:
        self._line += self.text.count("\n", self._line_start, self._at)
        self._line_start = self.text.rfind("\n", 0, self._at) + 1
        return self._line, self._at - self._line_start + 1

    def _key(self, table: Path) -> Path:
        """Passes a dotted key; its path."""
        while True:
            self._skip(_BLANK_IN_LINE)
            place = self._here()
            start = self._at
            self._skip(_STRING if self.text[start] in "\"'" else _BARE_KEY)
            table = (*table, _word(self.text[start : self._at]))
            self.places.setdefault(table, place)
            self._skip(_BLANK_IN_LINE)
            if not self.text.startswith(".", self._at):
                return table
            self._at += 1

    def _pair(self, table: Path) -> None:
        key = self._key(table)
        self._at += 1  # the equals sign
        self._skip(_BLANK_IN_LINE)
        self._value(key)

    def _value(self, key: Path) -> None:
        """Passes a value, noting the keys of inline tables in it."""
        opened = self.text[self._at]
        if opened in "\"'":
            self._skip(_STRING)
            return
        if opened not in "[{":
            self._skip(_BARE_VALUE)
            return
        self._at += 1
        while not self._skip(_BLANK) and self.text[self._at] not in "]}":
            if opened == "{":
                self._pair(key)
            else:
                self._value(key)
        self._at += 1


def _word(token: str) -> str:
    """What a key's token spells."""
    if token[:1] == '"' and "\\" in token:
        return str(_reader()(f"key = {token}")["key"])
    return token.strip("\"'") if token[:1] in "\"'" else token
