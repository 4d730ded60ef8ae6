"""A command line while it executes: its words, its person and its machines."""

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

_NOTICE_LINES = 3  # older lines are dropped
_CONNECTING_AFTER = 0.5  # seconds


class Invocation(Caller):
    """A command line while it executes: it finds sessions, and is the caller of ops.

    Notes go to stderr, questions to the terminal. `line`: the command line, with the hosts of its groups. `watched`: a
    person sees a status line; not with `--json`, nor for one of several hosts. `interrupts`: the signals of the verb's
    wait, while it waits.
    """

    audience = printing.STDOUT

    def __init__(self, line: CommandLine, out: Output | None = None) -> None:
        self.out = out or Output(json=line.json)
        self.can_ask = not self.out.several and printing.on_terminal()
        self.hears_questions = os.isatty(printing.STDERR)
        self.watched = self.hears_questions and not (self.out.several or self.out.json)
        self.local = line.local
        self.stop = Stop()
        self.interrupts: Interrupts | None = None
        self._remembered: list[str] = []
        self._status_shown = False
        self._told_question = False
        self._noted_hosts: set[str] = set()
        self.line = line
        if hosts := [check_host(host) for host in line.hosts]:
            self.line = replace(line, hosts=self.settings().hosts_of(hosts))

    @property
    def target(self) -> Target:
        """The target of the line: its host, else this machine."""
        return reach.target_of(self, self.line.host, offer=not self.line.json)

    def target_of(self, host: str | None) -> Target:
        """Return the target for a host, None for this machine; it offers no deploy."""
        return reach.target_of(self, host)

    def search(
        self, names: Sequence[str], *, creates: bool = False
    ) -> tuple[dict[str, str | None], dict[str, SeshError]]:
        """Search for sessions; return their hosts, None for this machine, and the errors.

        All sessions are on the host that the line names. If the line names none, this machine comes before the known
        remotes. `creates`: the line creates a session that no machine has.
        """
        hosts: dict[str, str | None] = dict.fromkeys(names, self.line.host)
        absent = [name for name in hosts if not find.is_here(name)] if self.line.host is None else []
        failed: dict[str, SeshError] = {}
        if absent:
            from sesh.ops import lookup

            for name, place in lookup.locate(self, absent, "" if creates else self.line.verb.dashed).items():
                if isinstance(place, SeshError):
                    failed[name] = place
                    del hosts[name]
                else:
                    hosts[name] = place
        return hosts, failed

    def find_target(self, name: str | None, *, creates: bool = False) -> Target:
        """Return the target that has the session; print its host if the line omits it.

        Without a name, return the target of the line. `creates`: see `search`. Raises NotFound, Refused.
        """
        if name is None:
            return self.target
        hosts, failed = self.search([name], creates=creates)
        if failed:
            raise failed[name]
        if hosts[name] == self.line.host:
            return self.target
        self._note_host(name, hosts[name])
        return self.target_of(hosts[name])

    def on_each(self, names: Sequence[str], act: Act, *, confirm: bool = False) -> dict[str, SeshError]:
        """Call `act` for each machine with some of the sessions; return errors by session.

        `confirm`: ask the person before the verb ends a session of a remote. The error of a single session is raised.
        """
        confirm = confirm and self.can_ask and not self.line.json
        hosts, failed = self.search(names)
        groups: dict[str | None, list[str]] = {}
        for name, host in hosts.items():
            elsewhere = host != self.line.host
            if elsewhere and confirm and not self.agrees(f"{name} runs on @{host}. End it?"):
                failed[name] = Refused(f"{name} was left running")
                continue
            if elsewhere and not confirm:
                self._note_host(name, host)
            groups.setdefault(host, []).append(name)
        for host, group in groups.items():
            target = self.target if host == self.line.host else self.target_of(host)
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

    def _note_host(self, name: str, host: str | None) -> None:
        printing.write(f"[{name} on @{host}]\n".encode(), printing.STDERR)
        self.remember(f"{name} on @{host}")

    def session_name(self, name: str | None) -> str:
        """Return `name`, or by default that of the session in which sesh runs. Raises UsageError."""
        verb = self.line.verb.dashed
        if name is not None:
            return name
        if self.line.host is not None:
            raise UsageError(f"no session given; write: {PROGRAM} @{self.line.host} {verb} NAME")
        return listing.required(verb)

    def spec(
        self,
        directory: str | None = None,
        env: Sequence[str] | None = None,
        label: Sequence[str] | None = None,
        size: str | None = None,
    ) -> Spec:
        """Return the spec of a new session; without a tail it runs the user's shell."""
        command = self.line.tail or None
        return {"directory": directory, "command": command, "env": env or [], "label": label or [], "size": size}

    def open_stdin(self) -> int:
        """Return the descriptor of the verb's standard input."""
        return 0

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

    # -- the person

    def note(self, line: str) -> None:
        """Print a line of sesh's own on stderr; its commands are for the line's host."""
        self.status("")
        self.out.note(line, self.line.host)

    def show_ssh_line(self, line: str) -> None:
        """Print a line of ssh while it connects, if a person sees it."""
        if self.watched:
            self.status("")
            printing.stderr_line(line)

    def status(self, line: str) -> None:
        """Show a status line if a person sees it; an empty one removes it."""
        if self._status_shown or (line and self.watched and not printing.dumb()):
            printing.write(printing.encoded(f"\r{line[: printing.width() - 1]}\x1b[K"), printing.STDERR)
            self._status_shown = bool(line)

    @contextmanager
    def connecting(self, host: str) -> Iterator[None]:
        """Print "connecting to HOST" once if the block takes long and ssh asks nothing."""
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
        self._remembered.append(for_host(line, None))

    @property
    def first_notice(self) -> str:
        """The text over the first screen of an attachment; empty for none."""
        return "; ".join([*dict.fromkeys(self._remembered)][-_NOTICE_LINES:])

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Ask the person; return the letter of the answer, empty for none."""
        from sesh.tui import question as questions

        self.status("")
        if above:
            printing.write(printing.encoded(f"{above}\x1b[m\n"), printing.STDERR)
        return questions.ask(question, answers, default, dumb=printing.dumb())


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


def _echo_off() -> bool:
    """Return whether the terminal's echo is off, because ssh asks for a secret."""
    try:
        return not termios.tcgetattr(printing.STDERR)[3] & termios.ECHO
    except termios.error:
        return False
