"""Sends prompts to programs by `sesh send TEXT --enter`, and tells what became of each.

`python -m tests.support.composers.trial 100 [--load] [KIND…]` prints a row for each kind, which gets its texts in turn.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field

from tests.support.composers.kinds import KINDS, TEXTS, Kind, logged, unmarked
from tests.support.home import Home
from tests.support.load import loaded
from tests.support.waiting import wait_until

_ARRIVES = 60.0
"""Seconds within which the program must log a prompt that got its Enter."""


@dataclass
class Tally:
    """The results of one kind's prompts; `wrong` has a line for each failure."""

    sent: int = 0
    arrived: int = 0
    entered: int = 0
    """How many prompts got their Enter, according to sesh."""
    wrong: list[str] = field(default_factory=list)

    def row(self) -> str:
        return f"{self.arrived}/{self.sent} | {self.entered} | {'; '.join(self.wrong[:3])}"


class Trial:
    """One kind of program in a session, and the prompts that it has got."""

    def __init__(self, home: Home, kind: Kind) -> None:
        self.home, self.kind, self.tally = home, kind, Tally()
        self.session, self.number = "", 0
        self.proof = os.path.join(home.path, "proof")
        self._seen = 0

    def start(self) -> None:
        """Start the program, and wait until it takes prompts."""
        if self.session:
            self.home.sesh("kill", self.session)
        self.session = f"trial{self.number}"
        result = self.home.sesh("open", self.session, "--", *self.kind.command(self.home, self.proof))
        assert result.code == 0, result.stderr
        wait_until(self._ready, f"{self.kind.name} takes prompts")

    def _ready(self) -> bool:
        return re.search(self.kind.ready, self.home.sesh("screen", self.session).stdout) is not None

    def play(self, count: int) -> Tally:
        """Send `count` prompts, with the texts of the kind in turn."""
        for _ in range(count):
            if not self.session or not self.kind.arrives:
                self.start()
            self.send(self.kind.texts[self.number % len(self.kind.texts)])
        if self._came(0):
            self.tally.wrong.append("one more was submitted at the end")
        return self.tally

    def send(self, text_name: str) -> None:
        """Send one prompt, and compare what sesh says with what the program has logged."""
        self.number += 1
        self.tally.sent += 1
        text = TEXTS[text_name].replace("{number}", str(self.number))
        answer = self.home.sesh("send", self.session, self.kind.write(text), "--enter", "--json", timeout=120).json()
        error = answer.get("error", {})
        assert not error or error.get("typed"), error
        self.tally.entered += not error
        texts = self._came(0 if error else _ARRIVES)
        whole = texts == ([unmarked(text)] if self.kind.arrives else [])
        self.tally.arrived += whole and self.kind.arrives
        if not whole or bool(error) == self.kind.arrives:
            shown = [each if len(each) < 200 else f"{each[:60]}…{each[-60:]} ({len(each)})" for each in texts]
            self.tally.wrong.append(f"{text_name} {self.number}: {error.get('message', 'entered')}, came {shown}")

    def _came(self, patience: float) -> list[str]:
        """Return what was logged since the last prompt."""
        try:
            wait_until(lambda: len(logged(self.proof)) > self._seen, "the prompt", timeout=patience)
        except AssertionError:
            pass
        came = logged(self.proof)[self._seen :]
        self._seen += len(came)
        return came


def main(words: list[str]) -> None:
    count, *names = (word for word in words if word != "--load")
    print("kind | arrived | Enter | wrong", flush=True)
    with loaded() if "--load" in words else nullcontext():
        for kind in (each for each in KINDS if not names or each.name in names):
            home = Home()
            try:
                print(f"{kind.name} | {Trial(home, kind).play(int(count)).row()}", flush=True)
            finally:
                home.close()


if __name__ == "__main__":
    main(sys.argv[1:])
