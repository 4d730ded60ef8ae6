"""Tell reports of a terminal from what a person types, byte by byte."""

from __future__ import annotations

import re
from enum import Enum, auto

_WHOLE = re.compile(
    rb"\x1b(?:\[(?:M.{3}|200~.*\x1b\[201~|(?!M|200~)[0-?]*[ -/]*[@-~])|O[!-~]|[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\))",
    re.DOTALL,
)
"""Matches a key or report in a sequence, a reply in a string, and a paste with its markers."""
_BEGUN = re.compile(
    rb"\x1b(?:\[(?:M.{0,2}|200~.*|[0-?]*[ -/]*)|O|[\]P_^X][^\x07\x1b]*\x1b?)?",
    re.DOTALL,
)
_LONG, _END = 64, 8  # of a sequence longer than this only its beginning and its end tell something


class Typed(Enum):
    """What the last byte was."""

    END = auto()  # of a report
    WITHIN = auto()  # a report
    KEY = auto()  # or text: with this byte no report can go on


class ReportReader:
    """Sans-I/O: follows input that should be reports only."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, byte: bytes) -> Typed:
        """Follow one more byte; after a key, a report may begin."""
        self._begun += byte
        if len(self._begun) > _LONG:
            del self._begun[_END:-_END]
        if _WHOLE.fullmatch(self._begun):
            found = Typed.END
        elif _BEGUN.fullmatch(self._begun):
            return Typed.WITHIN
        else:
            found = Typed.KEY
        self._begun.clear()
        return found
