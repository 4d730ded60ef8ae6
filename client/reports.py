"""Tell reports of a terminal from what a person types, byte by byte; know when it has processed a reset.

Sources: XTerm's control sequences (DECRQM, DECRPM, DA1).
"""

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
_PASTE, _PASTE_END = b"\x1b[200~", b"\x1b[201~"


def begun(data: bytes) -> bytes:
    """Return the beginning of a report at the end of input; of a long one, its two ends.

    It may be a key that is whole, as Escape is.
    """
    data = data[data.rfind(_PASTE_END) + 1 :]
    last = data.rfind(b"\x1b")
    before = data.rfind(b"\x1b", 0, max(last, 0))  # `last` may be half of the ST of a string
    for at in (data.rfind(_PASTE), before, last):
        if at >= 0 and _BEGUN.fullmatch(data, at):
            part = data[at:]
            return part if len(part) <= _LONG else part[:_END] + part[-_END:]
    return b""


class Typed(Enum):
    """What the last byte was."""

    END = auto()  # of a report
    WITHIN = auto()  # a report
    KEY = auto()  # or text: with this byte no report can go on


class ReportReader:
    """Sans-I/O: follows input that should be reports only. `report`: the last one, of a long one its two ends.

    `earlier`: what earlier input ended in, by `begun`: a report that goes on, or a key.
    """

    def __init__(self, earlier: bytes = b"") -> None:
        self._begun = bytearray(earlier)
        self._earlier = bool(earlier)
        self.report = b""

    def feed(self, byte: bytes) -> Typed:
        """Follow one more byte; after a key, a report may begin."""
        self._begun += byte
        start = self._begun.rfind(b"\x1b") if self._earlier else 0
        if start > 0 and not (_WHOLE.fullmatch(self._begun) or _BEGUN.fullmatch(self._begun)):
            del self._begun[:start]  # what came earlier was a key
        if len(self._begun) > _LONG:
            del self._begun[_END:-_END]
        if _WHOLE.fullmatch(self._begun):
            found = Typed.END
            self.report = bytes(self._begun)
        elif _BEGUN.fullmatch(self._begun):
            return Typed.WITHIN
        else:
            found = Typed.KEY
        self._begun.clear()
        self._earlier = False
        return found


ASK_RESET = b"\x1b[?7373$p\r\x1b[K\x1b[c"
"""Asks for the state of a mode that only sesh has (DECRQM), so that the reply cannot be a program's; and for DA1, which
terminals without DECRQM answer, too. Some of those print its last letter, on a row that is empty: it is erased."""
_MODE_REPLY = re.compile(rb"\x1b\[\?7373;[0-9]\$y")
_DEVICE_REPLY = re.compile(rb"\x1b\[\?[0-9;]*c")


class Wait(Enum):
    """How far the wait for the replies to `ASK_RESET` has come."""

    BEGUN = auto()  # no reply has come
    MODE_TOLD = auto()  # that to DA1 is still to come
    OVER = auto()  # the terminal has processed the reset
    TYPED = auto()  # a person types


class Answers(Enum):
    """Whether a terminal answers `ASK_RESET`, as far as it is known. One that has answered once may be late."""

    UNTRIED = ""
    YES = "answers"
    NO = "silent"

    def after(self, wait: Wait) -> Answers:
        """Return what is known after one more wait."""
        if wait in (Wait.OVER, Wait.MODE_TOLD):
            return Answers.YES
        return Answers.NO if self is Answers.UNTRIED and wait is Wait.BEGUN else self


class ResetReplies:
    """Sans-I/O: waits for both replies. `others`: queries of the program are open, and DA1 may be one of them."""

    def __init__(self, *, others: bool) -> None:
        self.wait = Wait.BEGUN
        self._others = others

    def take(self, report: bytes) -> None:
        """Take the terminal's next report."""
        if _MODE_REPLY.fullmatch(report):
            self.wait = Wait.MODE_TOLD
        elif _DEVICE_REPLY.fullmatch(report):
            if self.wait is Wait.MODE_TOLD or not self._others:
                self.wait = Wait.OVER
            self._others = False

    def take_key(self) -> None:
        """Take what is no report."""
        self.wait = Wait.TYPED
