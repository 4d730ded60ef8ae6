r"""A question to a person, below the current content of the terminal.

The answers are in one row, or below each other if the row is too narrow. A letter chooses its answer; arrow keys and
Enter choose, too. Escape declines; so do q, n and c, unless they are answers. Ctrl-C and Ctrl-\ interrupt; any other
key rings the bell.
"""

from __future__ import annotations

import os

from sesh.client.terminal import RawTerminal
from sesh.errors import Interrupted
from sesh.reach.caller import Answers
from sesh.tui.console import Console
from sesh.wording import columns, plain

_DECLINING = ("q", "n", "c")  # Quit, No, Cancel
_STEPS = {"right": 1, "down": 1, "tab": 1, "left": -1, "up": -1, "btab": -1}
_WRITE_TIMEOUT = 5.0


def ask(question: str, answers: Answers, default: str, *, dumb: bool = False) -> str:
    r"""Ask a person; return the letter of the chosen answer, empty if the person declines.

    `answers`: pairs of a small letter or digit and its meaning; `default`: the letter that Enter chooses; `dumb`: the
    terminal cannot move its cursor, so only letters choose. Keys typed before the question are dropped, as they are no
    answer to it; input after the answer stays for the next reader. Raises Interrupted for Ctrl-C and Ctrl-\.
    """
    with RawTerminal(0, 2 if os.isatty(2) else 1) as terminal:
        terminal.drop_input()
        return _Choice(terminal, answers, default, dumb=dumb).await_answer(question)


class _Choice:
    """The answers of a question on a raw terminal, one of them selected."""

    def __init__(self, terminal: RawTerminal, answers: Answers, default: str, *, dumb: bool) -> None:
        self._terminal = terminal
        self._labels = dict(answers)
        self._dumb = dumb
        self._selected = self._default = default
        width = sum(columns(label) + 3 for label in self._labels.values())
        self._stacked = dumb or width > terminal.grid()[0]

    def await_answer(self, question: str) -> str:
        """Ask the question; return the letter of the answer."""
        letters = "/".join(letter.upper() if letter == self._default else letter for letter in self._labels)
        self._write(f"{plain(question)} [{letters}]\r\n{self._cells()}")
        console = Console(self._terminal, single=True)
        try:
            while True:
                keys, _ = console.wait()  # no byte after the first key is read
                key = keys[0] if keys else ""
                letter = self._selected if key in ("enter", "C-j") else key.lower()
                if key in ("escape", "C-d", "hangup") or (letter in _DECLINING and letter not in self._labels):
                    return ""
                if key in ("C-c", "C-\\"):
                    raise Interrupted("")
                self._move(letter if letter in self._labels else key)
                if letter in self._labels:
                    return letter
        finally:
            self._write("\r\n")

    def _move(self, key: str) -> None:
        """Select an answer by letter or arrow key; ring the bell for other keys."""
        letters = list(self._labels)
        if key in letters:
            self._selected = key
        elif key in _STEPS and not self._dumb:
            self._selected = letters[(letters.index(self._selected) + _STEPS[key]) % len(letters)]
        elif key not in ("", "resize", "resume"):
            self._write("\a")
            return
        if not self._dumb:
            self._write((f"\x1b[{len(letters) - 1}A" if self._stacked else "") + self._cells())

    def _cells(self) -> str:
        if self._dumb:
            return "\r\n".join(f"  {letter}) {plain(label)}" for letter, label in self._labels.items())
        cells = [
            f"\x1b[7m {plain(label)} \x1b[27m" if letter == self._selected else f" {plain(label)} "
            for letter, label in self._labels.items()
        ]
        return "\r" + ("\r\n" if self._stacked else " ").join(cells)

    def _write(self, text: str) -> None:
        self._terminal.write_all(text.encode("utf-8", "replace"), _WRITE_TIMEOUT)
