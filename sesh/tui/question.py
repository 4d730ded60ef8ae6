r"""A question to a person, below the present content of the terminal.

The answers stand in one row, or below each other where they do not fit. The letter of one chooses it, or the
arrow keys and Enter. Escape, q, and n and c if they stand for no answer, decline; Ctrl-C and Ctrl-\ interrupt; any
other key rings.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from sesh.client.terminal import RawTerminal
from sesh.errors import Interrupted
from sesh.tui.console import Console
from sesh.wording import columns, plain

Answers = Sequence[tuple[str, str]]

_DECLINING = ("q", "n", "c")
"""Letters of Quit, No and Cancel: they decline a question that has no such answer."""
_STEPS = {"right": 1, "down": 1, "tab": 1, "left": -1, "up": -1, "btab": -1}
_WRITE_TIMEOUT = 5.0


def ask(question: str, answers: Answers, default: str, *, dumb: bool = False) -> str:
    r"""Return the letter of the chosen answer, empty for none (Escape, n, c, end of input).

    `answers`: a small letter or digit and its meaning, each; `default`: the letter that Enter takes; `dumb`: the
    terminal cannot move its cursor, so a letter has to be typed. Whatever is typed after the answer stays for the next
    reader. Raises Interrupted upon Ctrl-C and Ctrl-\.
    """
    with RawTerminal(0, 2 if os.isatty(2) else 1) as terminal:
        return _Question(terminal, answers, default, dumb=dumb).answer(question)


class _Question:
    """The answers of a question on a raw terminal, one of them marked."""

    def __init__(self, terminal: RawTerminal, answers: Answers, default: str, *, dumb: bool) -> None:
        self._terminal, self._labels, self._dumb = terminal, dict(answers), dumb
        self._mark = self._default = default
        width = sum(columns(label) + 3 for label in self._labels.values())
        self._stacked = dumb or width > terminal.grid()[0]

    def answer(self, question: str) -> str:
        """Put the question; return the letter of the answer."""
        letters = "/".join(letter.upper() if letter == self._default else letter for letter in self._labels)
        self._write(f"{plain(question)} [{letters}]\r\n{self._cells()}")
        console = Console(self._terminal, single=True)
        try:
            while True:
                keys, _ = console.wait()  # no byte after the first key is read
                key = keys[0] if keys else ""
                letter = self._mark if key in ("enter", "C-j") else key.lower()
                if key in ("escape", "C-d", "hangup") or (letter in _DECLINING and letter not in self._labels):
                    return ""
                if key in ("C-c", "C-\\"):
                    raise Interrupted("interrupted")
                self._move(letter if letter in self._labels else key)
                if letter in self._labels:
                    return letter
        finally:
            self._write("\r\n")

    def _move(self, key: str) -> None:
        """Mark an answer by its letter or by an arrow key; ring upon any other key."""
        letters = list(self._labels)
        if key in letters:
            self._mark = key
        elif key in _STEPS and not self._dumb:
            self._mark = letters[(letters.index(self._mark) + _STEPS[key]) % len(letters)]
        elif key not in ("", "resize", "resume"):
            self._write("\a")
            return
        if not self._dumb:
            self._write((f"\x1b[{len(letters) - 1}A" if self._stacked else "") + self._cells())

    def _cells(self) -> str:
        if self._dumb:
            return "\r\n".join(f"  {letter}) {plain(label)}" for letter, label in self._labels.items())
        cells = [
            f"\x1b[7m {plain(label)} \x1b[27m" if letter == self._mark else f" {plain(label)} "
            for letter, label in self._labels.items()
        ]
        return "\r" + ("\r\n" if self._stacked else " ").join(cells)

    def _write(self, text: str) -> None:
        self._terminal.write_all(text.encode("utf-8", "replace"), _WRITE_TIMEOUT)
