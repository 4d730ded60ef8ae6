"""Consent: what a program may have of this machine, by the person's own keys, clock and settings.

Pure: keys and times come in, verdicts go out. What a daemon says is no evidence: a program's name tells only which line
not to show again.

The clipboard is read for a paste key: it opens one delivery, for a short time. Lists, and reads that find nothing, are
free meanwhile, and the first data that is given ends it. Without one, the person is asked by a line, whose key opens a
delivery. What the session has put there, or was given a short while ago, goes at once, as long as it is still there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import NamedTuple

from sesh.client.desktop.presses import Press

READ_TIME = 2.0  # seconds after a paste key in which the clipboard may be read
ASKED_TIME = 10.0  # seconds that a line asks, and from its key on in which the clipboard may be read
AGAIN_TIME = 30.0  # seconds in which what was given may be read again
OPEN_TIME = 30.0  # seconds after a key in which a page may be opened
OPEN_EVERY = 2.0  # seconds between two pages
OPENS_FOR_KEY = 3
MAX_ROUND_TRIP = 1.5  # seconds; a host that is slow to answer must not make the times long
_LATEST_CLAIM = 30.0  # seconds from the decision to the data of a slow tool
_MAX_DELIVERIES = 8  # of a key that is held
_ASKS_IN_VAIN = 3  # lines in a row without their key; then a program is asked for no more until a paste key
_MAX_PROGRAMS = 3  # that are asked for until the next key, as a host may call its programs what it likes


class Verdict(Enum):
    """What to do with a wish."""

    GIVE = auto()
    LOOK = auto()  # at what the clipboard has, and then ask for a verdict on that
    ASK = auto()  # show a line: with a key that gives the clipboard, or a link that opens the page
    REFUSE = auto()


class Content(NamedTuple):
    """What the clipboard has of one type."""

    type: str
    digest: bytes

    @classmethod
    def of(cls, mime: str, data: bytes) -> Content:
        """Return the content of data; line ends do not matter in text, as some tools change them."""
        if mime.startswith("text/"):
            data = data.replace(b"\r\n", b"\n").rstrip(b"\n")
        return cls(mime, hashlib.sha256(data).digest())


def delay_of(round_trip: float) -> float:
    """Return the seconds by which a link makes a time longer: two round trips."""
    return 2 * min(max(round_trip, 0.0), MAX_ROUND_TRIP)


@dataclass
class AskingLine:
    """A line that asks for the clipboard, until a time (monotonic)."""

    program: str
    until: float


class Consent:
    """The consent of one person to one session. Times are monotonic, in seconds.

    `paste`, `browse`: `key`, `always` or `never`; `copy`: `always` or `never`.
    """

    def __init__(self, paste: str = "key", browse: str = "key", copy: str = "always") -> None:
        self.paste, self.browse, self.copy = paste, browse, copy
        self.ask: AskingLine | None = None
        self._deliveries: list[float] = []  # until when each lasts
        self._written: Content | None = None  # what the session put there last
        self._given: dict[Content, float] = {}  # until when each may be read again
        self._asked_in_vain: dict[str, int] = {}  # lines in a row, by program
        self._asked: set[str] = set()  # programs, since the last key
        self._open_until = -inf
        self._opened = 0  # pages, since the last key
        self._opened_at = -inf

    # -- keys

    def press(self, press: Press, now: float, round_trip: float) -> bool:
        """Note what the person presses; return whether it answers the line, and so is not the program's."""
        if not press.is_key:
            return False
        delay = delay_of(round_trip)
        self._asked.clear()
        self._open_until, self._opened = now + OPEN_TIME + delay, 0
        if press is Press.KEY:
            return False
        self._asked_in_vain.clear()
        answers = self.asking(now)
        self.ask = None
        self._deliveries.append(now + (ASKED_TIME if answers else READ_TIME) + delay)
        self._deliveries = self._deliveries[-_MAX_DELIVERIES:]
        return answers and press is Press.PASTE_KEY

    # -- the clipboard

    def asking(self, now: float) -> bool:
        """Return whether a line asks for the clipboard."""
        return self.ask is not None and now < self.ask.until

    def delivers(self, now: float) -> bool:
        """Return whether a key allows to read the clipboard."""
        self._deliveries = [until for until in self._deliveries if now < until + _LATEST_CLAIM]
        return any(now < until for until in self._deliveries)

    def known(self, now: float) -> list[str]:
        """Return the types of what may be read at once if it is still there."""
        self._given = {content: until for content, until in self._given.items() if now < until}
        own = [self._written.type] if self._written is not None else []
        return list(dict.fromkeys(own + [content.type for content in self._given]))

    def read(self, program: str, now: float, content: Content | None = None) -> Verdict:
        """Judge a list or a read. `content`: what the clipboard has, after the verdict LOOK.

        After ASK, the line is `ask`; the wish may wait for its key.
        """
        if self.paste != "key":
            return Verdict.GIVE if self.paste == "always" else Verdict.REFUSE
        if self.delivers(now):
            return Verdict.GIVE
        known, may_ask = self.known(now), self._may_ask(program, now)
        if content is None:
            return Verdict.LOOK if known or may_ask else Verdict.REFUSE
        if content == self._written or content in self._given:
            return Verdict.GIVE
        if not may_ask:
            return Verdict.REFUSE
        if not self.asking(now):
            self._note_asked(program)
            self.ask = AskingLine(program, now + ASKED_TIME)
        return Verdict.ASK

    def _may_ask(self, program: str, now: float) -> bool:
        if self.ask is not None and self.asking(now):
            return program == self.ask.program
        if program in self._asked or len(self._asked) >= _MAX_PROGRAMS:
            return False
        in_vain = self._asked_in_vain
        return in_vain.get(program, 0) < _ASKS_IN_VAIN and sum(in_vain.values()) < _ASKS_IN_VAIN * _MAX_PROGRAMS

    def _note_asked(self, program: str) -> None:
        self._asked.add(program)
        self._asked_in_vain[program] = self._asked_in_vain.get(program, 0) + 1

    def claim(self, content: Content, decided_at: float, now: float) -> bool:
        """Return whether data may be given that a read has found, which was allowed before; that ends a delivery.

        Another read may have got what the key gave meanwhile.
        """
        if self.paste != "key":
            return self.paste == "always"
        self.known(now)  # drops what is known no longer
        is_known = content == self._written or content in self._given
        allowing = [until for until in self._deliveries if decided_at < until]
        if allowing:
            self._deliveries.remove(min(allowing))
            self._given[content] = now + AGAIN_TIME
        return is_known or allowing != []

    def wrote(self, content: Content) -> None:
        """Note what the session has put there."""
        self._written = content
        self._given.clear()

    def write(self) -> Verdict:
        """Judge a write to the clipboard."""
        return Verdict.GIVE if self.copy == "always" else Verdict.REFUSE

    # -- pages

    def open(self, now: float) -> Verdict:
        """Judge that a page opens; GIVE counts it."""
        if self.browse == "never":
            return Verdict.REFUSE
        by_key = now < self._open_until and self._opened < OPENS_FOR_KEY
        if now < self._opened_at + OPEN_EVERY or not (by_key or self.browse == "always"):
            return Verdict.ASK
        self._opened += 1
        self._opened_at = now
        return Verdict.GIVE
