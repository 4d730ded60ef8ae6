"""The person at a command line: notes, a status line, questions, Ctrl-C."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sesh.cli import printing
from sesh.cli.printing import Output
from sesh.errors import for_host
from sesh.reach.caller import Answers, Caller
from sesh.reach.cancelling import Interrupts
from sesh.system import descriptors

_NOTICE_LINES = 3  # older lines are dropped
_CONNECTING_AFTER = 0.5  # seconds


class PersonCaller(Caller):
    """The caller of a command line's ops, for its person.

    `host`: the one for which notes quote commands. `shows_status`: a status line is seen; not with `--json`, nor for
    one of several hosts. `interrupts`: the signals of the verb's wait, while it waits.
    """

    audience = printing.STDOUT

    def __init__(self, out: Output, host: str | None) -> None:
        self.out = out
        self.can_answer = not out.several and printing.on_terminal()
        self.hears_questions = os.isatty(printing.STDERR)
        self.shows_status = self.hears_questions and not (out.several or out.json)
        self.interrupts: Interrupts | None = None
        self.host = host
        self._notes: list[str] = []
        self._status_shown = False
        self._told_question = False
        self._noted_hosts: set[str] = set()

    def note(self, line: str, on_attach: str = "") -> None:
        """Print a line of sesh's own on stderr; its commands are for the line's host."""
        self.status("")
        self.out.note(line, self.host)
        self._notes.append(for_host(on_attach or line, self.host))

    def show_ssh_line(self, line: str) -> None:
        """Print a line of ssh while it connects, if a person sees it."""
        if self.shows_status:
            self.status("")
            printing.stderr_line(line)

    def status(self, line: str) -> None:
        """Show a status line if a person sees it; an empty one removes it."""
        if self._status_shown or (line and self.shows_status and not printing.dumb()):
            printing.write(printing.encoded(f"\r{line[: printing.width() - 1]}\x1b[K"), printing.STDERR)
            self._status_shown = bool(line)

    @contextmanager
    def connecting(self, host: str) -> Iterator[None]:
        """Print "connecting to HOST" once if the block takes long and ssh asks nothing."""
        if not self.shows_status or host in self._noted_hosts:
            yield
            return
        timer = threading.Timer(_CONNECTING_AFTER, self._note_connecting, [host])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # no line may appear on the session's screen

    def _note_connecting(self, host: str) -> None:
        if not descriptors.echo_is_off(printing.STDERR):
            self._noted_hosts.add(host)
            printing.note(f"connecting to {host}; Ctrl-C stops")

    @property
    def first_notice(self) -> str:
        """The notes, for the first screen of an attachment, which covers those on stderr."""
        return "; ".join(list(dict.fromkeys(self._notes))[-_NOTICE_LINES:])

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Ask the person; return the letter of the answer, empty for none."""
        from sesh.tui import question as questions  # noqa: PLC0415 - few verbs ask

        self.status("")
        if above:
            printing.write(printing.encoded(f"{above}\x1b[m\n"), printing.STDERR)
        return questions.ask(question, answers, default)

    @contextmanager
    def recording_signals(self, *, tie: bool, message: str) -> Iterator[Interrupts]:
        """Record signals within the block; in a thread, those that `fanout` passes on (see `Interrupts`)."""
        with Interrupts(tie=tie, message=message) as self.interrupts:
            try:
                yield self.interrupts
            finally:
                self.interrupts = None
                if self._told_question and _discard_typeahead():
                    self.note("what was typed here meanwhile was dropped: the command did not get it")

    def tell_question(self, name: str, question: str, host: str | None) -> None:
        """Print the question that a command asks."""
        self._told_question = True
        super().tell_question(name, question, host)


def _discard_typeahead() -> bool:
    """Discard unread keys, which the shell would run, even a password; return if any."""
    try:
        if os.tcgetpgrp(0) != os.getpgrp():
            return False  # tcflush would stop a process in the background
        any_unread = descriptors.unread(0) > 0
        termios.tcflush(0, termios.TCIFLUSH)
    except (OSError, termios.error):
        return False  # stdin is no terminal, or the terminal is gone
    return any_unread
