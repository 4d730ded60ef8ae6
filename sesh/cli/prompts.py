"""A question to a person: one look, one key. The one place where sesh asks something.

On a terminal the answers stand beside each other, and the letter of one, or the arrow keys and Enter, choose it; Escape
declines, Ctrl-C interrupts. A terminal that cannot move its cursor gets a numbered question. Where a command line came
from another machine, the question travels there.
"""

from __future__ import annotations

import os

from sesh import wording
from sesh.cli import printing
from sesh.cli.tables import width
from sesh.errors import Interrupted
from sesh.wording import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.client.terminal import RawTerminal

    Answers = Sequence[tuple[str, str]]

_FORWARD, _BACK = ("right", "down", "tab"), ("left", "up", "backtab")


def ask(question: str, answers: Answers, default: str) -> str:
    """The letter of the answer that a person chooses; the empty word where they choose none (Escape, end of input).

    `answers`: a small letter or digit and what it means, each; `default`: the letter that Enter takes. What is typed
    after the answer stays for who reads next. Raises Interrupted upon Ctrl-C.
    """
    if dumb():
        return _numbered(question, answers, default)
    return _looked_at(question, answers, default)


def dumb() -> bool:
    """Whether the terminal, by its kind, cannot move its cursor."""
    return os.environ.get("TERM", "") in ("", "dumb", "unknown")


def letters(answers: Answers, default: str) -> str:
    """The letters to choose from, the default one large: `J/r/n/c`."""
    return "/".join(letter.upper() if letter == default else letter for letter, _ in answers)


def _numbered(question: str, answers: Answers, default: str) -> str:
    """Lines, and a line in answer: a number, or a letter; asked again for anything else."""
    numbers = {str(number): letter for number, (letter, _) in enumerate(answers, 1)}
    places = {letter: number for number, letter in numbers.items()}
    printing.write(printing.encoded(f"{question}\n"), printing.STDERR)
    for letter, label in answers:
        printing.write(printing.encoded(f"  {places[letter]}) {label}\n"), printing.STDERR)
    while True:
        printing.write(f"number [{places[default]}]: ".encode(), printing.STDERR)
        typed = os.read(0, 1024)
        if not typed:
            printing.write(b"\n", printing.STDERR)
            return ""
        word = typed.decode("utf-8", "replace").strip().lower()
        if word in numbers:
            return numbers[word]
        if word[:1] in places or not word:
            return word[:1] or default


def _looked_at(question: str, answers: Answers, default: str) -> str:
    """The answers beside each other, one of them marked."""
    from sesh.client.terminal import RawTerminal

    outbound = printing.STDERR if os.isatty(printing.STDERR) else printing.STDOUT
    with RawTerminal(0, outbound) as terminal:
        return _Row(terminal, question, answers, default).chosen()


class _Row:
    """The question and its answers on a raw terminal; below each other where they do not fit beside."""

    def __init__(self, terminal: RawTerminal, question: str, answers: Answers, default: str) -> None:
        from sesh.cli.console import Console

        self._terminal, self._answers = terminal, answers
        self._console = Console(terminal, single=True)
        self._at = next(at for at, (letter, _) in enumerate(answers) if letter == default)
        self._stacked = sum(columns(label) + 3 for _, label in answers) > width(terminal.outbound)
        self._write(f"{wording.plain(question)} [{letters(answers, default)}]\r\n")
        self._draw()

    def chosen(self) -> str:
        """The letter of the answer, when there is one."""
        try:
            while True:
                key = self._key()
                if key in ("escape", "C-d", "hangup"):
                    return ""
                if key == "C-c":
                    raise Interrupted("interrupted")
                if key == "enter":
                    return self._answers[self._at][0]
                if key in _FORWARD or key in _BACK:
                    self._mark((self._at + (1 if key in _FORWARD else -1)) % len(self._answers))
                for at, (letter, _) in enumerate(self._answers):
                    if key.lower() == letter:
                        self._mark(at)
                        return letter
        finally:
            self._write("\r\n")

    def _key(self) -> str:
        """The next key; no byte behind it is taken."""
        keys: list[str] = []
        while not keys:
            keys, _ = self._console.wait()
        if keys[0] == "resume":
            self._draw()
        return keys[0]

    def _mark(self, at: int) -> None:
        if at != self._at:
            self._at = at
            self._write(f"\x1b[{len(self._answers) - 1}A" if self._stacked else "")
            self._draw()

    def _draw(self) -> None:
        marked = [
            f"\x1b[7m {wording.plain(label)} \x1b[27m" if at == self._at else f" {wording.plain(label)} "
            for at, (_, label) in enumerate(self._answers)
        ]
        between = "\r\n" if self._stacked else " "
        self._write(f"\r{between.join(marked)}")

    def _write(self, text: str) -> None:
        self._terminal.write_all(printing.encoded(text), 5.0)
