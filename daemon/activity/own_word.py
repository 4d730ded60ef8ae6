"""The program's own word on its state: the last one that it said, or its reports (OSC 7501)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sesh.daemon.activity.program_status import Reports, parse
from sesh.daemon.activity.rules import Standing, State, Why
from sesh.keynames import Key
from sesh.typed import LONGEST, pressed

_CANCELS = Key.parse("Escape"), Key.parse("C-c")
"""Keys after which the program may work no more, and not say so."""


class By(str, Enum):
    """The source of a word: OSC 9, 99 or 777; OSC 9;4; `--hook`; `--state`."""

    NOTICE = "notice"
    PROGRESS = "progress"
    HOOK = "hook"
    TYPED = "typed"


@dataclass
class OwnWord:
    """The words of one program. `last`: the newest that is no report, and still holds; `by`: its source."""

    last: Standing | None = None
    by: By = By.NOTICE
    reports: Reports = field(default_factory=Reports)

    @classmethod
    def of(cls, state: dict[str, Any]) -> OwnWord:
        """Return the words from the plain data that `asdict` made."""
        last = Standing(**state["last"]) if state["last"] is not None else None
        return cls(last, By(state["by"]), Reports(**state["reports"]))

    @property
    def said(self) -> Standing | None:
        """The standing by the word that counts, None without any."""
        return self.last or self.reports.said()

    @property
    def asks(self) -> bool:
        """True if the program says that it waits; a notification alone does not say that."""
        minor = self.last is not None and self.by in (By.NOTICE, By.PROGRESS)
        return not minor and self.said is not None and self.said.state == State.WAITING

    def say(self, said: Standing, by: By) -> None:
        """Take a word. Reports stand above all but `--state`, and a question above a notification and progress."""
        minor = by in (By.NOTICE, By.PROGRESS)
        if (by == By.TYPED or not self.reports.speaks) and not (minor and self.asks):
            self.last, self.by = said, by

    def end_progress(self) -> None:
        """Forget the program's progress, which it takes back."""
        if self.by == By.PROGRESS:
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
        if self.last is None:
            return False
        cancels = len(keys) < LONGEST and pressed(keys, *_CANCELS)  # text of any length is no key
        if self.last.state == State.WORKING and not cancels:
            return False
        self.last = None
        return True

    def looked(self, why: Why, group: int, position: int) -> None:
        """Note a look, and the process group that has the terminal: a program that reads a line does not work."""
        self.reports.left(group, position)
        if self.last is not None and self.last.state == State.WORKING and why in (Why.PROMPT, Why.READ):
            self.last = None
