r"""A question to a person, below the current content of the terminal.

A letter chooses its answer, Enter the default. Escape declines; so do q, n and c, unless they are answers. Ctrl-C and
Ctrl-\ interrupt; any other key rings the bell.
"""

from __future__ import annotations

import os

from sesh.client.terminal import RawTerminal
from sesh.errors import Interrupted
from sesh.reach.caller import Answers
from sesh.text.safe import plain
from sesh.tui.console import Console

_DECLINING = ("q", "n", "c")  # Quit, No, Cancel
_WRITE_TIMEOUT = 5.0


def ask(question: str, answers: Answers, default: str) -> str:
    r"""Ask a person; return the letter of the chosen answer, empty if the person declines.

    `answers`: pairs of a small letter or digit and its meaning; `default`: the letter that Enter chooses. Keys typed
    before the question are dropped, as they are no answer to it; input after the answer stays for the next reader.
    Raises Interrupted for Ctrl-C and Ctrl-\.
    """
    labels = dict(answers)
    letters = "/".join(letter.upper() if letter == default else letter for letter in labels)
    with RawTerminal(0, 2 if os.isatty(2) else 1) as terminal:
        terminal.drop_input()
        _write(terminal, f"{plain(question)} [{letters}]\r\n {'   '.join(map(plain, labels.values()))}")
        try:
            return _answer(terminal, labels, default)
        finally:
            _write(terminal, "\r\n")


def _answer(terminal: RawTerminal, labels: dict[str, str], default: str) -> str:
    console = Console(terminal, single=True)
    while True:
        keys, _ = console.wait()  # no byte after the first key is read
        key = keys[0] if keys else ""
        letter = default if key in ("enter", "C-j") else key.lower()
        if letter in labels:
            return letter
        if key in ("escape", "C-d", "hangup") or letter in _DECLINING:
            return ""
        if key in ("C-c", "C-\\"):
            raise Interrupted("")
        if key not in ("", "resize"):
            _write(terminal, "\a")


def _write(terminal: RawTerminal, text: str) -> None:
    terminal.write_all(text.encode("utf-8", "replace"), _WRITE_TIMEOUT)
