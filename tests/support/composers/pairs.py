"""Calls that type into one program, and what the program has to take of them.

What a call says is held to be true: what it has typed is taken, each Enter as an Enter of its own, and nothing is taken
of what it has refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from tests.support.home import Home
from tests.support.waiting import wait_until

KINDS = ("send", "send --enter", "--key Enter", "--key", "run", "--question")


@dataclass
class Box:
    """The session `box`, whose program takes each text with the Enter behind it.

    `host`: the words that name its host. `asks`: it says that it asks something.
    """

    home: Home
    host: Sequence[str] = ()
    asks: bool = False
    takes: list[str] = field(default_factory=list)  # the texts that it has to take
    line: str = ""  # what was typed behind the last Enter
    numbers: count[int] = field(default_factory=count)
    key = "x"

    def call_in_pairs(self, first: str, taken: Callable[[], list[str]]) -> None:
        """Make a call, and one of each kind behind it, and check what the program has `taken`."""
        for second in KINDS:
            for kind in (first, second, "--key Enter"):
                self.call(kind)
            wait_until(lambda: len(taken()) >= len(self.takes), f"the box has taken {len(self.takes)} texts")
            assert taken() == self.takes, (first, second)

    def call(self, kind: str) -> None:
        """Make a call of this kind; note what it has typed, and check that it was refused only where it may be."""
        text = self.text(f"t{next(self.numbers)}")
        words = {
            "send": ("send", "box", text),
            "send --enter": ("send", "box", text, "--enter"),
            "--question": ("send", "box", text, "--enter", "--question", "."),
            "--key Enter": ("send", "box", "--key", "Enter"),
            "--key": ("send", "box", "--key", self.key),
            "run": ("run", "box", "--", text),
        }[kind]
        done = self.home.sesh(*self.host, *words[:2], "--json", *words[2:])
        error = done.json().get("error")
        if error is not None:
            assert self.may_refuse(kind), (kind, error)
            assert (done.code, error["code"]) in ((125, "busy"), (1, "busy"), (1, "refused")), (kind, error)
            assert not error.get("typed"), (kind, error)
        elif kind == "run":
            self.note(text)
        else:
            self.line += {"--key Enter": "", "--key": "x"}.get(kind, text)
            if kind not in ("send", "--key"):
                self.note(self.line)
                self.line = ""

    def text(self, word: str) -> str:
        return word

    def may_refuse(self, kind: str) -> bool:
        return kind in ("run", "--question") or (kind == "send --enter" and self.asks)

    def note(self, line: str) -> None:
        """Note a line that was entered."""
        self.takes.append(line)


class Shell(Box):
    """The same of a shell, whose commands write their words to the file `log`."""

    key = "Space"

    def text(self, word: str) -> str:
        return f"echo {word} >>log;"

    def may_refuse(self, kind: str) -> bool:
        return kind == "--question" or (kind == "run" and self.line != "")

    def note(self, line: str) -> None:
        self.takes += re.findall(r"echo (\w+)", line)
