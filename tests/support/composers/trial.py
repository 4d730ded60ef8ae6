"""Prompts for a kind of program by `sesh --send TEXT --enter`, and what became of each.

`python -m tests.support.composers.trial 100 [--load] [--each] [KIND…]` prints a row for each kind, which gets its texts
in turn, or (`--each`) one for each kind and text.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from tests.support.composers.kinds import KINDS, TEXTS, Kind, unmarked
from tests.support.home import Home
from tests.support.load import loaded
from tests.support.waiting import wait_until

_ARRIVES = 60.0
"""Seconds for what was submitted to be logged."""
_LATE = 3.0
"""The same where sesh says that it was not."""


@dataclass
class Tally:
    """What became of the prompts of one kind. `wrong` has a line for each that was lost, cut, split or told wrongly."""

    sent: int = 0
    arrived: int = 0
    said: dict[bool | None, int] = field(default_factory=lambda: {True: 0, False: 0, None: 0})
    again: int = 0
    """Those that took a second Enter: the first had made a new line."""
    wrong: list[str] = field(default_factory=list)

    def row(self) -> str:
        """The figures as a row of a table."""
        return (
            f"{self.arrived}/{self.sent} | {self.said[True]} | {self.said[None]} | {self.said[False]} | {self.again} |"
            f" {'; '.join(self.wrong[:3])}"
        )


class Trial:
    """One kind of program in a session, and the prompts that it has got."""

    def __init__(self, home: Home, kind: Kind) -> None:
        self.home, self.kind, self.tally = home, kind, Tally()
        self.session, self.number = "", 0
        self.proof = os.path.join(home.path, "proof")
        self._seen = 0

    def start(self) -> None:
        """Starts the program, and waits until it takes prompts."""
        if self.session:
            self.home.sesh("--kill", self.session)
        self.session = f"trial{self.number}"
        result = self.home.sesh("--open", self.session, "--", *self.kind.command(self.home, self.proof))
        assert result.code == 0, result.stderr
        wait_until(self._ready, what=f"{self.kind.name} takes prompts")

    def _ready(self) -> bool:
        return re.search(self.kind.ready, self.home.sesh("--screen", self.session).stdout) is not None

    def proofs(self) -> list[dict[str, object]]:
        """What the program has logged."""
        if not os.path.exists(self.proof):
            return []
        with open(self.proof, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().splitlines(keepends=True) if line.endswith("\n")]

    def play(self, texts: Sequence[str], count: int) -> Tally:
        """Sends so many prompts, of each text in turn."""
        for _ in range(count):
            if not self.session or not self.kind.arrives:
                self.start()
            self.send(texts[self.number % len(texts)])
        if self.kind.arrives and len(self.proofs()) > self._seen:
            self.tally.wrong.append("one more was submitted at the end")
        return self.tally

    def send(self, text_name: str) -> None:
        """Sends one prompt, and compares what sesh says with what the program has logged."""
        self.number += 1
        self.tally.sent += 1
        text = TEXTS[text_name].replace("{number}", str(self.number))
        result = self.home.sesh("--send", self.session, self.kind.write(text), "--enter", "--json", timeout=120)
        said, story = _said(result.json())
        self.tally.said[said] += 1
        wanted = text if self.kind.marks else unmarked(text)
        patience = 0.2 if not self.kind.arrives else _ARRIVES if said is not False else _LATE
        came = self._came(patience)
        texts = [str(each.get("submitted", each)) for each in came]
        if self.kind.arrives:
            whole = [each.rstrip() for each in texts] == [wanted.rstrip()]
            self.tally.arrived += whole
            self.tally.again += whole and texts != [wanted]
        else:
            whole = not came
        if not whole or said not in self.kind.outcomes:
            shown = [each if len(each) < 200 else f"{each[:60]}…{each[-60:]} ({len(each)})" for each in texts]
            self.tally.wrong.append(f"{text_name} {self.number}: said {said} ({story}), came {shown}")

    def _came(self, patience: float) -> list[dict[str, object]]:
        """What was logged since the last prompt."""
        try:
            wait_until(lambda: len(self.proofs()) > self._seen, patience, what="the prompt")
        except AssertionError:
            pass
        came = self.proofs()[self._seen :]
        self._seen += len(came)
        return came


def _said(answer: dict[str, object]) -> tuple[bool | None, str]:
    """What sesh says of a prompt, and why. AssertionError where nothing was typed."""
    error = answer.get("error")
    if isinstance(error, dict):
        assert error.get("typed"), error
        return False, str(error["message"])
    submitted = answer["submitted"]
    assert submitted is None or isinstance(submitted, bool)
    return submitted, ""


def main(words: list[str]) -> None:
    """Prints the table."""
    flags = {word for word in words if word.startswith("--")}
    count, *names = (word for word in words if word not in flags)
    print("kind | texts | arrived | true | null | false | second Enter | wrong", flush=True)
    with loaded() if "--load" in flags else nullcontext():
        for kind in (each for each in KINDS if not names or each.name in names):
            for texts in [[text] for text in kind.texts] if "--each" in flags else [kind.texts]:
                home = Home()
                try:
                    tally = Trial(home, kind).play(texts, int(count))
                    print(f"{kind.name} | {', '.join(texts)} | {tally.row()}", flush=True)
                finally:
                    home.close()


if __name__ == "__main__":
    main(sys.argv[1:])
