"""A command line while it executes: its target, its options, and the person at the terminal."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sesh import descriptors, errors, reach
from sesh.about import CALLED, SESH
from sesh.cli import printing
from sesh.cli.line import Line
from sesh.cli.verbs import find_verb
from sesh.errors import NotFound, Refused, SeshError, UsageError, for_host
from sesh.names import check_host, check_name
from sesh.reach import find
from sesh.reach.caller import Answers, Caller
from sesh.reach.target import Target
from sesh.schema import ErrorFacts, Spec
from sesh.store import listing

_GREETING_LINES = 3  # older lines are dropped
_CONNECTING_AFTER = 0.5


class Invocation(Caller):
    """A command line, the caller of its ops: notes go to stderr, questions to the terminal."""

    ssh_prompts = None
    audience = printing.STDOUT
    parent_watched = False  # in the child for one of several hosts: a person sees what its parent prints

    def __init__(self, line: Line) -> None:
        self.line = line
        self.json, self.tail, self.verb, self.local = line.json, line.tail, line.verb.dashed, line.local
        self._remembered: list[str] = []
        self._status_shown = self._questioned = False
        self._noted_hosts: set[str] = set()
        self.hosts = [check_host(host) for host in line.hosts]  # set first: `settings` may print a note for them
        if self.hosts:
            self.hosts = self.settings().hosts_of(self.hosts)  # resolves groups

    # -- the target

    @property
    def host(self) -> str | None:
        """The only host of the line; None for this machine, and for several hosts."""
        return self.hosts[0] if len(self.hosts) == 1 else None

    def set_host(self, host: str | None) -> None:
        """Set the target of the line to a host, or to this machine (None)."""
        self.hosts = [host] if host is not None else []

    @property
    def target(self) -> Target:
        """The target of the line: its host, else this machine."""
        return reach.target_of(self, self.host, offer=not self.json)

    def target_of(self, host: str | None) -> Target:
        """Return the target for a host, None for this machine; never offer to deploy sesh to it."""
        return reach.target_of(self, host)

    def find(self, *names: str | None, confirm: bool = False, creates: bool = False) -> Target:
        """Return the target that has the session, and make it the target of the line.

        That is the host of the line, else this machine if it has the session, else the known remote that has it.
        Without a name, or with several, it is the target of the line (see `retry_remotely`). `confirm`: ask the
        person before the verb ends a session of a remote. `creates`: a session that no machine has is no error. Raises
        NotFound, Refused.
        """
        name = names[0] if len(names) == 1 else None
        if name is None or self.hosts or find.is_here(name):
            return self.target
        from sesh.ops import lookup

        places = lookup.located(self, [name])
        if not creates:
            lookup.note_unknown(self, places)
        host = lookup.host_of(self, name, places[name], "" if creates else self.verb)
        if host is not None:
            self._confirm_host(name, host, confirm=confirm)
            self.set_host(host)
        return self.target

    def retry_remotely(
        self,
        failed: dict[str, SeshError],
        act: Callable[[Target, str], Mapping[str, ErrorFacts]],
        *,
        confirm: bool = False,
    ) -> None:
        """Call `act` for each session that was not found but is on a known remote; remove successes from `failed`.

        `failed`: errors by session; `act` returns the same. `confirm`: as in `find`.
        """
        absent = [name for name, error in failed.items() if isinstance(error, NotFound)]
        if not absent or self.hosts:
            return
        from sesh.ops import lookup

        places = lookup.located(self, absent)
        lookup.note_unknown(self, places)
        for name, place in places.items():
            try:
                if (host := lookup.host_of(self, name, place, self.verb)) is None:
                    continue
                self._confirm_host(name, host, confirm=confirm)
                for facts in act(self.target_of(host), name).values():
                    raise errors.rebuild(facts)
            except SeshError as error:
                failed[name] = error
            else:
                del failed[name]

    def _confirm_host(self, name: str, host: str, *, confirm: bool) -> None:
        """Print the host of a session, or ask the person to end the session. Raises Refused."""
        if not confirm or self.json or not self.can_ask:
            printing.write(f"[{name} on @{host}]\n".encode(), printing.STDERR)
            self.remember(f"{name} on @{host}")
        elif not self.agrees(f"{name} runs on @{host}. End it?"):
            raise Refused("nothing was done")

    # -- the options

    def spec(
        self,
        directory: str | None,
        env: Sequence[str] | None = None,
        label: Sequence[str] | None = None,
        size: str | None = None,
    ) -> Spec:
        """Return the spec of a new session. Its command is the tail; None means the user's shell."""
        command = self.tail or None
        spec: Spec = {"directory": directory, "command": command, "env": list(env or ()), "label": list(label or ())}
        return spec if size is None else {**spec, "size": size}

    def session(self, name: str | None) -> str:
        """Return `name`, or by default the session that sesh runs in. Raises UsageError, InvalidName."""
        if name is not None:
            return check_name(name)
        if self.host is not None:
            raise UsageError(f"no session given; write: {CALLED} @{self.host} {self.verb} NAME")
        return listing.required(self.verb)

    # -- the result

    def value(self, thing: object) -> int:
        """Print one JSON value; return 0."""
        printing.value(thing)
        return 0

    def done(self, **facts: object) -> int:
        """Print `{"ok": true, …}` if JSON is wanted, else nothing; return 0."""
        return self.value({"ok": True, **facts}) if self.json else 0

    def report_session(self, name: str, *, created: bool) -> int:
        """Print the session if JSON is wanted; return 0. Note that a new session has the name of a verb."""
        if created and find_verb(name) is not None:
            self.note(f"{name} is a session now; `{SESH} {name}` is a verb: `{SESH} -A {name}` attaches to it")
        return self.done(name=name, session=name, host=self.host, created=created)

    # -- the person

    @property
    def can_ask(self) -> bool:  # type: ignore[override]
        """True if stdin and stdout are terminals."""
        return printing.on_terminal()

    @property
    def watched(self) -> bool:  # type: ignore[override]
        """True if stderr is a terminal."""
        return os.isatty(printing.STDERR)

    @property
    def hears_questions(self) -> bool:  # type: ignore[override]
        """True if a person sees notes at once, or if a command may be waiting for our piped input."""
        return self.watched or self.parent_watched or self.piped

    @property
    def piped(self) -> bool:  # type: ignore[override]
        """True if stdin is a pipe with unread bytes, and JSON is not wanted."""
        return not self.json and printing.from_pipe() and descriptors.unread(0) > 0

    def note(self, line: str) -> None:
        """Print one line of sesh's own on stderr; commands in it are written as `{SESH} --verb`."""
        self.status("")
        printing.note(line, self.host)

    def show_ssh_line(self, line: str) -> None:
        """Print a line of ssh while it connects, if a person sees it."""
        if self.watched and not self.json:
            self.status("")
            printing.stderr_line(line)

    def status(self, line: str) -> None:
        """Show a status line in the row of the cursor, if a person sees it; an empty line removes it."""
        if self._status_shown or (line and self.watched and not self.json and not printing.dumb()):
            columns = printing.width(printing.STDERR)
            printing.write(printing.encoded(f"\r{for_host(line, self.host)[: columns - 1]}\x1b[K"), printing.STDERR)
            self._status_shown = bool(line)

    @contextmanager
    def connecting(self, host: str) -> Iterator[None]:
        """Print "connecting to HOST" once if the block takes half a second and ssh asks nothing."""
        if not self.watched or self.json or host in self._noted_hosts:
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
        """Keep a line for `greeting`."""
        line = for_host(line, None)
        self._remembered = [*(other for other in self._remembered if other != line), line][-_GREETING_LINES:]

    @property
    def greeting(self) -> str:
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

    def tell_question(self, name: str, question: str, feeding: str, *, passing: bool = False) -> None:
        """Print the question of a command."""
        self._questioned = True
        super().tell_question(name, question, feeding, passing=passing and self.watched)

    def discard_typeahead(self) -> None:
        """Discard keys typed here while a command asked: the shell would run them, even a password."""
        if not self._questioned or not os.isatty(0):
            return
        try:
            if os.tcgetpgrp(0) != os.getpgrp():
                return  # tcflush would stop a process in the background
            typed = descriptors.unread(0)
            termios.tcflush(0, termios.TCIFLUSH)
        except (OSError, termios.error):
            return  # the terminal is gone
        if typed:
            self.note("what was typed here meanwhile was dropped: the command did not get it")


def _echo_off() -> bool:
    """Return whether the terminal's echo is off: ssh turns it off before it asks for a secret."""
    try:
        return not termios.tcgetattr(printing.STDERR)[3] & termios.ECHO
    except termios.error:
        return False
