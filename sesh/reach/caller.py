"""The caller of an op: its machine, and how it gets notes and questions.

The plain Caller (the Python API) drops notes, and has no person to ask. The command line's caller prints notes and
asks on the terminal; the bridge's caller sends notes and questions over the link.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from sesh.about import SESH
from sesh.config import config
from sesh.config.config import Config
from sesh.errors import SeshError, for_host
from sesh.names import subject
from sesh.reach.origin import Origin
from sesh.system.workers import Stop
from sesh.text import safe
from sesh.wire.messages import QuestionResponse

Answers = Sequence[tuple[str, str]]  # the answers to a question: a lowercase letter or digit, and its meaning

YES_NO = (("y", "Yes"), ("n", "No"))
KEEP, CANCEL = ("q", "Quit: keep it"), ("q", "Cancel")  # each question has No or one of these to decline
NEVER = Stop()  # without an owner who could call `stop`
_noted = set[str]()  # the errors in the user's settings that this process has noted, by any caller


class Caller:
    """Who calls an op: where the person's notes go, and who answers questions."""

    origin: Origin | None = None  # the machine that calls over a link; None for this one
    can_answer = False  # a person can answer the questions of ops, and the prompts of ssh
    has_reached = False  # a link to a host has opened, so something may have been done there
    shows_status = False  # a person sees the status line
    hears_questions = False  # note the questions of the command that the caller waits for
    audience = -1  # the descriptor for followed output, polled to notice that its reader is gone; -1 if unknown
    local = False  # call no remote
    session_id: str | None = None  # the id for a session that the op creates
    stop: Stop = NEVER

    def __init__(self, stop: Stop = NEVER) -> None:
        """`stop`: another thread ends the calls to a host by it."""
        self.stop = stop

    def note(self, line: str, on_attach: str = "") -> None:
        """Show a note of one line, which quotes commands as `{SESH} verb`.

        `on_attach`: other words for the first screen of an attachment.
        """

    def progress(self) -> None:
        """Tell that an op has done with one of its sessions: who waits for it over a link has patience for the next."""

    def show_ssh_line(self, line: str) -> None:
        """Show a line that ssh prints while it connects."""

    def status(self, line: str) -> None:
        """Replace the status line, which says what sesh waits for; an empty line removes it."""

    def connecting(self, _host: str) -> AbstractContextManager[None]:
        """Show "connecting" if the block takes long."""
        return nullcontext()

    def tell_question(self, name: str, question: str, host: str | None) -> None:
        """Note the question of the command that sesh waits for. `host`: of the command's session."""
        asked = f": {safe.plain(question)}" if question else ""
        self.note(for_host(f"{subject(name)} waits{asked}; answer it in another terminal: {SESH} {name}", host))

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Ask the person, if the person `can_answer`; return the answer's letter, empty without an answer.

        `default`: the letter for Enter. `above`: text with SGR to show above the question. Raises Interrupted.
        """
        raise Question(question, answers, default, above)

    def agrees(self, question: str) -> bool:
        return self.ask(question, YES_NO, "n") == "y"

    def settings(self) -> Config:
        """Return the user's settings; note errors in the file once per process."""
        settings = config.load()
        for warning in settings.warnings:
            if warning not in _noted:
                _noted.add(warning)
                self.note(warning, f"config.toml has errors; `{SESH} doctor` shows them")
        return settings


class Question(SeshError):
    """A question for the person, raised to be sent over the link; see `Caller.ask`."""

    def __init__(self, text: str, answers: Answers, default: str, above: str = "") -> None:
        super().__init__(text)
        self.response: QuestionResponse = {
            "question": text, "answers": [*answers], "default": default, "above": above,
        }  # fmt: skip
