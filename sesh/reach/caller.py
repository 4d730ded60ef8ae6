"""The caller of an op: its place, the notes for it, and the questions to it.

A Caller is passed to every op. The plain one is a program, which gets no notes and cannot be asked (the Python API);
the command line's prints notes and asks on the terminal; the bridge's carries both over the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from sesh import config, wording
from sesh.about import SESH
from sesh.config import Config
from sesh.errors import SeshError
from sesh.names import subject
from sesh.reach.origin import Origin

Answers = Sequence[tuple[str, str]]

YES_NO = (("y", "Yes"), ("n", "No"))
NOTHING, CANCEL = ("q", "Nothing"), ("q", "Cancel")
"""The answer that declines; each question has one of these, or No."""


class Caller:
    """The caller of an op. `local`: asks no remote. `session_id`: the id for a session that the op creates."""

    origin: Origin | None = None
    """The machine that the question came from over a link; None for this one."""
    can_ask = False
    """True if a person can be asked."""
    ssh_prompts: bool | None = False
    """True if ssh may ask for a password; None if a person sits at the terminal."""
    watched = False
    """True if a person sees notes at once."""
    hears_questions = False
    """True if who waits for a command is told that it asks something."""
    piped = False
    """True if our stdin is a pipe in which bytes wait."""
    audience = -1
    """The descriptor that followed output goes to, negative if unknown; following ends when its reader closes it."""
    local = False
    session_id: str | None = None
    _warned: frozenset[str] = frozenset()

    def note(self, line: str) -> None:
        """Tells the person something, in one line; commands in it are written as `{SESH} --verb`."""

    def heard(self, line: str) -> None:
        """Shows a person what ssh says while it connects."""

    def tell_question(self, name: str, question: str, feeding: str, *, passing: bool = False) -> None:
        """Tells at once what a command asks that is waited for. `feeding`: how it would get our stdin, if that is
        `piped`; `passing`: the line stands no longer than the command runs."""
        if self.piped:
            self.note(f"{subject(name)} waits for input on its terminal; {feeding}")
            return
        asked = f": {wording.plain(question)}" if question else ""
        line = f"{subject(name)} waits{asked}; answer it in another terminal: {SESH} {name}"
        if passing:
            self.status(line)
        else:
            self.note(line)

    def status(self, line: str) -> None:
        """Shows what is waited for, in the place of the line before; an empty one removes it."""

    def connecting(self, _host: str) -> AbstractContextManager[None]:
        """A block in which a host is waited for; a line says so once it takes a while, where a person reads it."""
        return nullcontext()

    def remember(self, line: str) -> None:
        """Keeps a line for the first screen of the session that is entered now, as that screen covers earlier notes."""

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Asks the person; returns the letter of the answer, empty if they choose none. Only if `can_ask`.

        `answers`: small letters or digits, each with its meaning; `above`: text with SGR that is shown before. Raises
        Interrupted.
        """
        raise Question(question, answers, default, above)

    def agrees(self, question: str) -> bool:
        """Returns whether the person answers a question with yes; Enter means no."""
        return self.ask(question, YES_NO, "n") == "y"

    def entering(self, line: str) -> None:
        """Notes a line, and has it said again on the first screen of the session."""
        self.note(line)
        self.remember(line)

    def settings(self) -> Config:
        """The user's settings. Faults of their file are noted once; the other settings hold."""
        settings = config.load()
        for warning in settings.warnings:
            if warning not in self._warned:
                Caller._warned |= {warning}  # of this process, and of the children that it forks for several hosts
                self.note(warning)
                self.remember(f"config.toml has errors; `{SESH} --doctor` shows them")
        return settings


class Question(SeshError):
    """A question for the person.

    `answers`: letter and meaning of each; `default`: the letter for Enter; `above`: text that is shown before.
    """

    def __init__(self, text: str, answers: Answers, default: str, above: str = "") -> None:
        super().__init__(text)
        self.text, self.answers, self.default, self.above = text, answers, default, above
