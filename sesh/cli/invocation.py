"""A command line while it executes: its words, the person who typed it, and the machines that it is about."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sesh import descriptors, errors, reach
from sesh.about import PROGRAM
from sesh.cli import printing
from sesh.cli.line import CommandLine
from sesh.cli.printing import Output
from sesh.errors import Refused, SeshError, UsageError, for_host
from sesh.names import check_host
from sesh.reach import find
from sesh.reach.caller import Answers, Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.target import Target
from sesh.schema import ErrorFacts, Spec
from sesh.stop import Stop
from sesh.store import listing

Act = Callable[[Target, list[str]], Mapping[str, ErrorFacts]]  # acts on sessions of a machine; returns its failures

_GREETING_LINES = 3  # older lines are dropped
_CONNECTING_AFTER = 0.5  # seconds


class Invocation(Caller):
    """A command line while it executes: where its session is, and its caller at this process's streams.

    Notes go to stderr, questions to the terminal. `host`: the host of the line, or the one on which `find` has found
    the session; None for this machine. `watched`: a person sees a status line; not with `--json`, nor for one of
    several hosts. `interrupts`: the signals of the verb's wait, while it waits.
    """

    audience = printing.STDOUT

    def __init__(self, line: CommandLine, out: Output | None = None) -> None:
        self.out = out = out or Output(json=line.json)
        self.can_ask = not out.several and printing.on_terminal()
        self.hears_questions = os.isatty(printing.STDERR)
        self.watched = not out.several and not out.json and self.hears_questions
        self._remembered: list[str] = []
        self._status_shown = self._told_question = False
        self._noted_hosts: set[str] = set()
        self.local, self.stop = line.local, Stop()
        self.interrupts: Interrupts | None = None
        self.host = line.host
        hosts = [check_host(host) for host in line.hosts]  # before `settings`, whose notes name the host
        self.line = replace(line, hosts=self.settings().hosts_of(hosts)) if hosts else line  # resolves groups
        self.host = self.line.host

    @property
    def target(self) -> Target:
        """The target of the verb: its host, else this machine."""
        return reach.target_of(self, self.host, offer=not self.line.json)

    def target_of(self, host: str | None) -> Target:
        """Return the target for a host, None for this machine; never offer to deploy sesh to it."""
        return reach.target_of(self, host)

    def places(self, names: Sequence[str], *, creates: bool = False) -> dict[str, str | SeshError | None]:
        """Return the host of each session (None for this machine), or the error of the search for it.

        All sessions are on the host that the line names. If the line names none, this machine comes before the known
        remotes. `creates`: the line creates a session that no machine has.
        """
        places: dict[str, str | SeshError | None] = dict.fromkeys(names, self.host)
        absent = [] if self.host is not None else [name for name in places if not find.is_here(name)]
        if absent:
            from sesh.ops import lookup

            places |= lookup.locate(self, absent, "" if creates else self.line.verb.dashed)
        return places

    def find(self, *names: str | None, creates: bool = False) -> Target:
        """Return the target that has the session, and make it the target of the verb.

        Without a name, or with several, return the target of the line. `creates`: see `places`. Raises NotFound,
        Refused.
        """
        name = names[0] if len(names) == 1 else None
        if name is not None and self.host is None:
            host = self.places([name], creates=creates)[name]
            if isinstance(host, SeshError):
                raise host
            if host is not None:
                self._note_host(name, host)
                self.host = host
        return self.target

    def on_each(self, names: Sequence[str], act: Act, *, confirm: bool = False) -> dict[str, SeshError]:
        """Call `act` for each machine that has some of the sessions; return the errors by session.

        `confirm`: ask the person before the verb ends a session of a remote. The error of a single session is raised.
        """
        failed: dict[str, SeshError] = {}
        groups: dict[str | None, list[str]] = {}
        for name, host in self.places(names).items():
            try:
                if isinstance(host, SeshError):
                    raise host
                if host != self.host:
                    self._note_host(name, str(host), confirm=confirm)
                groups.setdefault(host, []).append(name)
            except SeshError as error:
                failed[name] = error
        for host, group in groups.items():
            target = self.target if host == self.host else self.target_of(host)
            try:
                refused = {name: errors.rebuild(facts) for name, facts in act(target, group).items()}
            except SeshError as error:
                refused = dict.fromkeys(group, error)
            for refusal in refused.values():
                refusal.host = refusal.host or host
            failed |= refused
        if len({*names}) == 1 and failed:
            raise failed[names[0]]
        return failed

    def _note_host(self, name: str, host: str, *, confirm: bool = False) -> None:
        """Print the host of a session, or, if `confirm`, ask whether to end the session. Raises Refused."""
        if not confirm or self.line.json or not self.can_ask:
            printing.write(f"[{name} on @{host}]\n".encode(), printing.STDERR)
            self.remember(f"{name} on @{host}")
        elif not self.agrees(f"{name} runs on @{host}. End it?"):
            raise Refused(f"{name} was left running")

    def session(self, name: str | None) -> str:
        """Return `name`, or by default the session that sesh runs in. Raises UsageError."""
        verb = self.line.verb.dashed
        if name is not None:
            return name
        if self.host is not None:
            raise UsageError(f"no session given; write: {PROGRAM} @{self.host} {verb} NAME")
        return listing.required(verb)

    def spec(
        self,
        directory: str | None = None,
        env: Sequence[str] | None = None,
        label: Sequence[str] | None = None,
        size: str | None = None,
    ) -> Spec:
        """Return the spec of a new session. Its command is the tail; None means the user's shell."""
        command = self.line.tail or None
        return {"directory": directory, "command": command, "env": env or [], "label": label or [], "size": size}

    def open_stdin(self) -> int:
        """Return the descriptor of the verb's standard input."""
        return 0

    @contextmanager
    def catching(self, *, tie: bool, message: str) -> Iterator[Interrupts]:
        """Record signals within the block; `fanout` passes on those of the process. For the words, see `Interrupts`."""
        with Interrupts(tie=tie, message=message) as self.interrupts:
            try:
                yield self.interrupts
            finally:
                self.interrupts = None
                if self._told_question and _discard_typeahead():
                    self.note("what was typed here meanwhile was dropped: the command did not get it")

    def tell_question(self, name: str, question: str) -> None:
        """Print that a command asks something, and what."""
        self._told_question = True
        super().tell_question(name, question)

    # -- the person

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


def _discard_typeahead() -> bool:
    """Discard keys typed while a command asked, because the shell would run them, even a password; return if any."""
    try:
        if os.tcgetpgrp(0) != os.getpgrp():
            return False  # tcflush would stop a process in the background
        typed = descriptors.unread(0) > 0
        termios.tcflush(0, termios.TCIFLUSH)
    except (OSError, termios.error):
        return False  # stdin is no terminal, or the terminal is gone
    return typed


def _echo_off() -> bool:
    """Return whether the terminal's echo is off: ssh turns it off before it asks for a secret."""
    try:
        return not termios.tcgetattr(printing.STDERR)[3] & termios.ECHO
    except termios.error:
        return False
