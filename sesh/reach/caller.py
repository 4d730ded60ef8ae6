"""The caller of an op: its place, the notes for it, and the questions to it.

The plain Caller is a program, which gets no notes and cannot be asked (the Python API). That of the command line prints
notes and asks on the terminal; that of the bridge carries both over the link.
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
"""The answers to a question: small letters or digits, each with its meaning."""

YES_NO = (("y", "Yes"), ("n", "No"))
NOTHING, CANCEL = ("q", "Nothing"), ("q", "Cancel")
"""The answer that declines; each question has one of these, or No."""


class Caller:
    """The caller of an op.

    `origin`: the machine that calls over a link; None for this one. `can_ask`: a person can be asked. `watched`: a
    person sees notes at once. `hears_questions`: gets a note if a command that is waited for asks something. `piped`:
    stdin is a pipe in which bytes wait. `ssh_prompts`: ssh may ask; None if a person sits at the terminal. `audience`:
    the descriptor that followed output goes to, negative if unknown. `local`: no remote is asked. `session_id`: for a
    session that the op creates.
    """

    origin: Origin | None = None
    can_ask = False
    watched = False
    hears_questions = False
    piped = False
    ssh_prompts: bool | None = False
    audience = -1
    local = False
    session_id: str | None = None
    _warned: frozenset[str] = frozenset()

    def note(self, line: str) -> None:
        """Tell the person something, in one line; commands in it are written as `{SESH} --verb`."""

    def remember(self, line: str) -> None:
        """Keep a line for the first screen of the session that is entered, as that screen covers earlier notes."""

    def entering(self, line: str) -> None:
        """Note a line, and again on the first screen of the session."""
        self.note(line)
        self.remember(line)

    def heard(self, line: str) -> None:
        """Show a person what ssh prints while it connects."""

    def status(self, line: str) -> None:
        """Replace the line that names what sesh waits for; an empty one removes it."""

    def connecting(self, _host: str) -> AbstractContextManager[None]:
        """Within the block a host is waited for; a person reads so once it takes a while."""
        return nullcontext()

    def tell_question(self, name: str, question: str, feeding: str, *, passing: bool = False) -> None:
        """Note the question of a command that sesh waits for.

        `feeding`: how it would get our stdin, if that is `piped`. `passing`: the line goes when the command ends.
        """
        if self.piped:
            self.note(f"{subject(name)} waits for input on its terminal; {feeding}")
            return
        asked = f": {wording.plain(question)}" if question else ""
        line = f"{subject(name)} waits{asked}; answer it in another terminal: {SESH} {name}"
        if passing:
            self.status(line)
        else:
            self.note(line)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Ask the person, if `can_ask`; return the letter of the answer, empty for none. Raises Interrupted.

        `default`: the letter for Enter; `above`: text with SGR that is shown before.
        """
        raise Question(question, answers, default, above)

    def agrees(self, question: str) -> bool:
        """Return whether the person answers a question with yes; Enter means no."""
        return self.ask(question, YES_NO, "n") == "y"

    def settings(self) -> Config:
        """Return the user's settings. Faults of their file are noted once; the other settings hold."""
        settings = config.load()
        for warning in settings.warnings:
            if warning not in self._warned:
                Caller._warned |= {warning}  # of this process, and of the children that it forks for several hosts
                self.note(warning)
                self.remember(f"config.toml has errors; `{SESH} --doctor` shows them")
        return settings


class Question(SeshError):
    """A question for the person, as `Caller.ask` has it."""

    def __init__(self, text: str, answers: Answers, default: str, above: str = "") -> None:
        super().__init__(text)
        self.text, self.answers, self.default, self.above = text, answers, default, above
