"""The program's own word on its state: the last one that it said, or its reports (OSC 7501)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sesh.daemon.activity.program_status import Reports, parse
from sesh.daemon.activity.rules import By, Said, State, Why
from sesh.keynames import Key
from sesh.typed import LONGEST, pressed

_CANCELS = Key.parse("Escape"), Key.parse("C-c")
"""Keys after which the program may work no more, and not say so."""
_PROGRESS = {b"1": State.WORKING, b"2": State.FAILED, b"3": State.WORKING}
"""States of OSC 9;4 (ConEmu): a bar, an error, a bar without an end."""


@dataclass
class OwnWord:
    """What counts of it. `last`: the last word that is no report, and has not been overtaken by one."""

    last: Said | None = None
    reports: Reports = field(default_factory=Reports)

    @property
    def said(self) -> Said | None:
        """The word that counts; None without any."""
        return self.last or self.reports.said()

    def say(self, said: Said) -> None:
        """Take a word. Reports stand above all but `--state`, and a question above a notification and progress."""
        minor = said.by in (By.NOTICE, By.PROGRESS)
        if said.by != By.TYPED and self.reports.speaks:
            return
        if not (minor and self.said is not None and self.said.asks):
            self.last = said

    def progressed(self, body: bytes) -> None:
        """Take the program's progress: `body` is the text behind `9;4;` of an OSC."""
        digit = body.partition(b";")[0]
        if digit in _PROGRESS:
            self.say(Said(_PROGRESS[digit], By.PROGRESS))
        elif digit == b"0" and self.last is not None and self.last.by == By.PROGRESS:
            self.last = None

    def reported(self, text: bytes, group: int, position: int) -> None:
        """Take a report, all behind `7501;`, which ends at a position of the log; drop one that is invalid."""
        report = parse(text)
        if report is not None:
            self.reports.take(report, group, position)
            self.last = None

    def overtaken(self, keys: bytes, position: int) -> bool:
        """Note typed keys, or none where a command begins; return whether a word is over by that.

        Work goes on beside what is typed, but not after a key that cancels it.
        """
        self.reports.seen(position)
        cancels = len(keys) < LONGEST and pressed(keys, *_CANCELS)  # text of any length is no key
        if self.last is None or (self.last.state == State.WORKING and not cancels):
            return False
        self.last = None
        return True

    def looked(self, why: Why, group: int, position: int) -> None:
        """Note a look, and the process group that has the terminal: a program that reads a line does not work."""
        self.reports.left(group, position)
        if self.last is not None and self.last.state == State.WORKING and why in (Why.PROMPT, Why.READ):
            self.last = None
