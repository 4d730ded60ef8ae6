"""The person or the program that typed a command line, as the caller of its ops: notes, questions, a status line."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sesh.cli import printing
from sesh.cli.output import Output
from sesh.errors import for_host
from sesh.reach.caller import Answers, Caller

_GREETING_LINES = 3  # older lines are dropped
_CONNECTING_AFTER = 0.5  # seconds


class Person(Caller):
    """The caller at this process's streams: notes go to stderr, questions to the terminal.

    `host`: where the verb is done, to be named in notes; None for this machine. With `--json`, and for one of several
    hosts, no status line is shown.
    """

    audience = printing.STDOUT

    def __init__(self, out: Output, host: str | None) -> None:
        self.out, self.host = out, host
        self.can_ask = not out.several and printing.on_terminal()
        self.watched = not out.several and not out.json and os.isatty(printing.STDERR)
        self.hears_questions = os.isatty(printing.STDERR)
        self._remembered: list[str] = []
        self._status_shown = False
        self._noted_hosts: set[str] = set()

    def note(self, line: str) -> None:
        """Print one line of sesh's own on stderr; commands in it are written as `{SESH} --verb`."""
        self.status("")
        self.out.note(line, self.host)

    def show_ssh_line(self, line: str) -> None:
        """Print a line of ssh while it connects, if a person sees it."""
        if self.watched:
            self.status("")
            printing.stderr_line(line)

    def status(self, line: str) -> None:
        """Show a status line in the row of the cursor, if a person sees it; an empty line removes it."""
        if self._status_shown or (line and self.watched and not printing.dumb()):
            columns = printing.width(printing.STDERR)
            shown = for_host(line, self.host)[: columns - 1]
            printing.write(printing.encoded(f"\r{shown}\x1b[K"), printing.STDERR)
            self._status_shown = bool(line)

    @contextmanager
    def connecting(self, host: str) -> Iterator[None]:
        """Print "connecting to HOST" once if the block takes half a second and ssh asks nothing."""
        if not self.watched or host in self._noted_hosts:
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
        if not _echo_off():
            self._noted_hosts.add(host)
            printing.note(f"connecting to {host}; Ctrl-C stops")

    def remember(self, line: str) -> None:
        """Keep a line for `first_notice`."""
        line = for_host(line, None)
        self._remembered = [*(other for other in self._remembered if other != line), line][-_GREETING_LINES:]

    @property
    def first_notice(self) -> str:
        """The text over the first screen of an attachment; empty for none."""
        return "; ".join(self._remembered)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Ask the person; return the letter of the answer, empty for none."""
        from sesh.tui import question as questions

        self.status("")
        if above:
            printing.write(printing.encoded(f"{above}\x1b[m\n"), printing.STDERR)
        answers = [(letter, for_host(meaning, self.host)) for letter, meaning in answers]
        return questions.ask(for_host(question, self.host), answers, default, dumb=printing.dumb())


def _echo_off() -> bool:
    """Return whether the terminal's echo is off: ssh turns it off before it asks for a secret."""
    try:
        return not termios.tcgetattr(printing.STDERR)[3] & termios.ECHO
    except termios.error:
        return False
